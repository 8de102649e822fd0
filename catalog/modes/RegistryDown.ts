import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const role = "registry";
const registry = { role } as const;

export const RegistryDown: DegradationMode = {
  id: "RegistryDown",
  title: "Connection registry unusable",
  role,
  board: "redisops-registry",
  severity: "page",
  nature: "symptom",
  origin:
    "A lookup that fails is treated like a lookup that finds nothing: the recipient counts as offline and the message is written to pending_deliveries. Nothing is lost; it arrives late and in a burst.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_up", where: registry },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 0,
    or: {
      kind: "threshold",
      measure: { metric: "redisops_registry_canary_ratio", where: registry },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 0,
      // The exporter may reach a registry that the app servers do not.
      or: {
        kind: "threshold",
        measure: { metric: "redisops_decisions_degraded_total", where: { role, fallback: "offline" } },
        over: { metric: "redisops_decisions_total", where: registry },
        rateWindow: "window",
        aggregate: "sum",
        by: ["role"],
        comparison: ">",
        limit: "fallback_ratio",
        and: {
          kind: "threshold",
          measure: { metric: "redisops_decisions_total", where: registry },
          rateWindow: "window",
          aggregate: "sum",
          by: ["role"],
          comparison: ">",
          limit: "min_decision_rate",
        },
      },
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason: "Outlasts a restart and a Sentinel promotion, which end within seconds and lose nothing.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    fallback_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "At half, the share is over the limit for just as long as a complete outage lasts. Less than half is a shard or a few app servers, which have alerts of their own.",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 lookups in the window the first ones of a process that has just started decide.",
    },
  },
  summary: "Connection registry cannot be used: users look offline",
  description:
    "{{ if eq $value 0.0 }}The registry takes no write, or does not give back what it took: 100% of the people look offline or soon will.{{ else }}The registry answers redisops, but {{ $value | humanizePercentage }} of the app servers’ lookups got no answer: those recipients look offline.{{ end }} Their messages are being written to pending_deliveries; none is lost, all are late.",
  userImpact: "Messages to people who are online arrive only after the registry is back, then all at once.",
  containment:
    "App servers treat the failed lookup as “offline” and store the message in pending_deliveries. Client connections stay open.",
  aggravators: [
    "Restarting the connection servers: their clients would reconnect all at once, into a registry that is not there.",
    "Emptying or truncating pending_deliveries: it is the only copy of the delayed messages.",
    "A Postgres that is already near its connection limit: it now takes every message.",
  ],
  normal:
    'redisops_role_up{role="registry"} and redisops_registry_canary_ratio are 1 in every scrape, and redisops_decisions_degraded_total{role="registry"} hardly rises.',
  frequency: "Only when the registry’s server or its network is really gone; expect none in a normal month.",
  prevention:
    "Run the registry with a replica and Sentinel, and keep the Postgres pool sized for the full message rate.",
  topologies: {
    standalone: "Nothing takes over: people look offline until this server, or a new empty one, is started.",
    sentinel:
      "The replica is promoted down-after-milliseconds after the primary went away (30 s unless set). If this alert fires, that did not happen: look for SentinelQuorumLost.",
    cluster:
      "It fires when no shard takes a write, or when most lookups fail. One dead shard hides its own share of the people only: RedisShardDown says which.",
  },
  diagnosis: [
    {
      command: "redisops status --role registry",
      shows: [
        "registry  127.0.0.1:…  refused  RegistryDown  …  (see below)",
        "  RegistryDown: Connection registry unusable",
        "  REDIS_REFUSED: registry Redis at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "state “refused”",
          conclusion: "The process is not running. Start it; nothing else is needed.",
        },
        {
          observed: "state “timeout”",
          conclusion:
            "The process hangs or the network drops packets. Look at its CPU, its disk and its slow log before restarting it.",
        },
        {
          observed: "state “loading”",
          conclusion: "It is reading its data set. Wait; watch the state until it changes.",
        },
        {
          observed: "state “out_of_memory”",
          conclusion:
            "Lookups still work, and no new connection can be entered: people who connect now look offline. Raise maxmemory or remove foreign keys.",
        },
        {
          observed: "state “readonly”",
          conclusion:
            "A replica answers, and entries cannot be written. Wait for the failover to end, or point roles.registry and the app servers at the primary.",
        },
        {
          observed: "state “write_refused”",
          conclusion:
            "Entries cannot be written. MISCONF: a snapshot could not be saved, free disk space. NOREPLICAS: too few replicas are attached, bring one back.",
        },
        {
          observed: "state “auth”",
          conclusion: "Credentials or ACL were changed. Compare them with roles.registry in redisops.yaml.",
        },
        {
          observed: "state “degraded” with CANARY_WRONG",
          conclusion:
            "The server takes writes and does not give them back as they were: something else evicts, deletes or rewrites keys there. Look at who else uses this server.",
        },
        {
          observed: "state “ok” while the alert fires",
          conclusion:
            "Only the app servers are cut off: a rotated password, a firewall, an address that moved. Compare the connection settings they run with, on the app server itself, with roles.registry.",
        },
      ],
    },
    {
      command: "redisops status --role postgres",
      shows: ["…connections … of …"],
      branches: [
        {
          observed: "connections well below their limit",
          conclusion:
            "Postgres carries the messages. There is time to find out what is wrong with the registry.",
        },
        {
          observed: "connections near their limit, or clients wait for PgBouncer",
          conclusion:
            "Senders begin to get errors instead of a promise. Stop bulk traffic and reports on Postgres first; then start an empty registry rather than wait for a slow repair.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Only starting the server ends this mode. The entries it lost can be put back afterwards: redisops recover registry.",
    instead:
      "1. Start or fail over the registry’s Redis. 2. Where it came back without its entries, redisops recover registry fills it from the connection events; heartbeats that write do so as well, within 20 s. 3. The delivery workers drain what has waited; redisops recover pending does where they do not run. redisops recover all plans both in this order.",
    proof: 'redisops_role_up{role="registry"} is 1 again; redisops_pending_deliveries stops growing.',
    within:
      "one scrape after the server answers; three minutes where the alert came from the app servers’ own lookups, because their window has to empty",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "If the server cannot be started, point the role at a new empty one and run redisops recover registry: the registry is not a source of truth.",
  },
  drill: { kind: "lab", inject: ["kill --role registry"] },
  inhibits: [
    "RegistryCold",
    "PendingDeliveriesBacklog",
    "DeliveryDelayBudgetBurn",
    "DegradedDecisionsBudgetBurn",
    "RedisDown",
    "RedisHung",
    "RedisErrorRateHigh",
    "RedisShardDown",
    "ProbeFailing",
  ],
  panels: [
    "role-up",
    "role-failures",
    "role-response",
    "registry-canary",
    "decisions-degraded",
    "decisions-by-fallback-registry",
    "if-it-dies-registry",
    "store-failures",
    "breakers-open",
  ],
  scenarios: [
    {
      name: "the registry goes away and comes back, under applications that report nothing",
      faults: [
        episode("redisops_role_up", registry, 1, 0),
        episode("redisops_registry_canary_ratio", registry, 1, 0),
        episode("redisops_registry_entries", registry, 200_000, "stale"),
        episode("redisops_pending_deliveries_deliverable_ratio", registry, 0, "stale"),
        {
          metric: "redisops_decisions_total",
          labels: registry,
          runs: [{ value: "stale", samples: 90 }],
        },
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "offline" },
          runs: [{ value: "stale", samples: 90 }],
        },
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["RegistryDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "the app servers have lost the way to a registry that the exporter reaches",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "offline" },
          runs: [
            { value: 6, samples: 10 },
            { value: 60_000, samples: 10 },
            { value: 6, samples: 20 },
          ],
        },
        {
          metric: "redisops_pending_deliveries",
          labels: registry,
          runs: [
            { value: 2000, samples: 10 },
            { value: 400_000, samples: 12 },
            { value: 2000, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "17m", firing: ["DegradedDecisionsBudgetBurn", "RegistryDown"] },
        { at: "26m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "a registry that misses a single scrape",
      faults: [
        {
          metric: "redisops_role_up",
          labels: registry,
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 1 },
            { value: 1, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "5m", firing: [] },
      ],
    },
    {
      name: "four lookups a minute at night, two of which came too late",
      faults: [
        { metric: "redisops_decisions_total", labels: registry, runs: [{ value: 4, samples: 60 }] },
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "offline" },
          runs: [{ value: 2.4, samples: 60 }],
        },
      ],
      expect: [{ at: "40m", firing: [] }],
    },
  ],
  example: {
    labels: registry,
    summary: "Connection registry cannot be used: users look offline",
    description:
      "The registry takes no write, or does not give back what it took: 100% of the people look offline or soon will. Their messages are being written to pending_deliveries; none is lost, all are late.",
  },
};
