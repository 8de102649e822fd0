import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const RegistryDown: DegradationMode = {
  id: "RegistryDown",
  title: "Connection registry unusable",
  role: "registry",
  severity: "page",
  nature: "symptom",
  origin:
    "A lookup that fails is treated like a lookup that finds nothing: the recipient counts as offline and the message is written to pending_deliveries. Nothing is lost; it arrives late and in a burst.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_up", where: { role: "registry" } },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 0,
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason: "Outlasts a restart and a Sentinel promotion, which end within seconds and lose nothing.",
    },
  },
  summary: "Connection registry cannot be used: users look offline",
  description:
    "The registry does not answer, or refuses writes. Messages are being written to pending_deliveries; none is lost, all are late.",
  userImpact: "Messages to people who are online arrive only after the registry is back, then all at once.",
  containment:
    "App servers treat the failed lookup as “offline” and store the message in pending_deliveries. Client connections stay open.",
  aggravators: [
    "Restarting the connection servers: their clients would reconnect all at once, into a registry that is not there.",
    "Emptying or truncating pending_deliveries: it is the only copy of the delayed messages.",
    "A Postgres that is already near its connection limit: it now takes every message.",
  ],
  normal: 'redisops_role_up{role="registry"} is 1 in every scrape.',
  frequency: "Only when the registry’s server or its network is really gone; expect none in a normal month.",
  prevention:
    "Run the registry with a replica and Sentinel, and keep the Postgres pool sized for the full message rate.",
  diagnosis: [
    {
      command: "redisops status --role registry",
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
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Only starting the server ends this mode. Entries come back by themselves as clients reconnect and as the connection-event consumers replay.",
    instead:
      "Start or fail over the registry’s Redis, then watch PendingDeliveriesBacklog until the backlog has drained.",
    proof: 'redisops_role_up{role="registry"} is 1 again; redisops_pending_deliveries stops growing.',
    within: "one scrape after the server answers",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "If the server cannot be started, point the role at a new empty one: the registry is not a source of truth and refills.",
  },
  inhibits: ["PendingDeliveriesBacklog"],
  panels: [
    "role-up",
    "role-failures",
    "role-response",
    "decisions-degraded",
    "store-failures",
    "breakers-open",
  ],
  scenarios: [
    {
      name: "the registry goes away and comes back",
      faults: [
        episode("redisops_role_up", { role: "registry" }, 1, 0),
        episode("redisops_pending_deliveries_deliverable_ratio", { role: "registry" }, 0, "stale"),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["RegistryDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "a registry that misses a single scrape",
      faults: [
        {
          metric: "redisops_role_up",
          labels: { role: "registry" },
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
  ],
  example: {
    labels: { role: "registry" },
    summary: "Connection registry cannot be used: users look offline",
    description:
      "The registry does not answer, or refuses writes. Messages are being written to pending_deliveries; none is lost, all are late.",
  },
};
