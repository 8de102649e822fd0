import type { DegradationMode } from "../mode.ts";

const role = "registry";
const registry = { role } as const;

export const RegistryCold: DegradationMode = {
  id: "RegistryCold",
  title: "Connection registry has lost its entries",
  role,
  board: "redisops-registry",
  severity: "page",
  nature: "symptom",
  origin:
    "The registry is filled by connections, and it is not the source of truth. When it comes back empty, everybody whose connection survived is missing from it until they are entered again: a registry that answers says “offline” of people who are online, and their messages wait in pending_deliveries.",
  signal: {
    kind: "promql",
    value: "redisops:registry_coverage:ratio",
    by: ["role"],
    compared: { comparison: "<", limit: "coverage_ratio" },
    and: "sum by (role) (redisops_registry_connections) > $min_connections",
    reason:
      "How many connections there are is known to the connection servers alone, which report it to Prometheus; a look at Redis shows entries and not what is missing.",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason:
        "Heartbeats enter a lost connection again within a third of the entry’s lifetime, 20 s by default. Two minutes are six of them, and two scrapes a minute apart: by then it should be full again.",
    },
    coverage_ratio: {
      value: 0.8,
      unit: "ratio",
      reason:
        "Near 1 in normal operation. The number of entries is estimated from 100 random keys: where half of the keys on the server are something else, one estimate in six is off by a tenth or more, hardly any by a fifth for two minutes.",
    },
    min_connections: {
      value: 100,
      unit: "count",
      reason: "With fewer, the users who come and go between two scrapes are a fifth of all.",
    },
  },
  summary: "Connection registry knows only {{ $value | humanizePercentage }} of the live connections",
  description:
    "The registry answers, but holds entries for {{ $value | humanizePercentage }} of the connections that the connection servers report. Everybody else looks offline although they are connected: their messages go to pending_deliveries, without any error.",
  userImpact:
    "People with an open connection get no new message until they reconnect or are entered again; then all of them at once.",
  containment:
    "A missing entry means “offline”, so the message is stored in pending_deliveries and not lost. Heartbeats of RegistryClient write a missing entry anew.",
  aggravators: [
    "Restarting the registry once more: it throws away what has been entered since.",
    "Disconnecting all clients at once to make them reconnect: the storm of logins hits everything else.",
    "Heartbeats that only prolong the entry (EXPIRE): on an entry that is gone they do nothing, and nobody notices.",
  ],
  normal:
    "redisops:registry_coverage:ratio is near 1: redisops_registry_entries is about the sum of redisops_registry_connections.",
  frequency:
    "After a restart without persistence, a promotion of an empty replica or a flush, and only where heartbeats do not fill the registry within two minutes.",
  prevention:
    "Heartbeats have to write the entry and not only prolong it, as RegistryClient does. Keep a replica, set maxmemory-policy noeviction, and rename FLUSHALL and FLUSHDB away.",
  topologies: {
    standalone:
      "A crash loses all entries that the last snapshot did not have; with no snapshot, all of them.",
    sentinel:
      "A replica that had not finished its first synchronisation when it was promoted is empty. Look at RedisFailover, and at the replica’s link before that.",
    cluster:
      "A shard that came back empty takes one share of the people along: with 6 shards the ratio falls to 0.83 and this alert stays silent for one, so look at the entries after each RedisShardDown.",
  },
  diagnosis: [
    {
      command: "redisops status --role registry",
      shows: ["registry  127.0.0.1:…  …", "…entries …"],
      branches: [
        {
          observed: "“entries” grows between two calls",
          conclusion: "Heartbeats fill it. Wait until it is near the number of connections on the board.",
        },
        {
          observed: "“entries” stays low or is missing",
          conclusion:
            "Nobody enters connections again: the heartbeats only prolong, or the connection servers write to another Redis. Compare the address they run with and roles.registry. If it is the same one, replay the events (below).",
        },
        {
          observed: "“entries” falls again and again",
          conclusion:
            "Keys are being removed: eviction, a lifetime shorter than the pause between heartbeats, or somebody’s script. The line “contract violated: eviction” settles the first. End that before you replay, or the new entries go the same way.",
        },
        {
          observed: "“entries come back on … of the key space”",
          conclusion:
            "A shard takes entries and does not keep them. CANARY_WRONG below names it; take it out of service.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover registry",
    planShows: [
      "  source                       topic connection-events of Kafka at 127.0.0.1:…",
      "  entries in the registry now  about …",
      "Nothing was changed. To carry it out: redisops recover registry --execute…",
    ],
    executeShows: [
      "Done in … s. Verification holds:",
      "  connected users in the registry                      … % (… of … sampled)",
      "  entries against reported connections (RegistryCold)  … % of 400; the mode holds below 80.0 %",
    ],
    proof:
      "redisops:registry_coverage:ratio is above 0.8. redisops_pending_deliveries_deliverable_ratio returns to 0 as the delivery workers drain; where none runs, redisops recover pending drains.",
    within: "one scrape after the run ends; the replay itself takes seconds for a million events",
    rollback:
      "None is needed: an entry of a newer connection is never overwritten, and a wrong one expires (recovery.registry.entry_ttl).",
    whenItFails:
      "CONFIG_INCOMPLETE: no source is configured, neither Kafka’s topic nor a table. Then restart the connection servers one at a time, so that their clients reconnect, and wait for “entries” to rise before the next. KAFKA_UNREACHABLE: the same, or `--source=postgres` where postgres.tables.connections exists. If entries do not stay after a run that verified, somebody removes them, or no heartbeat prolongs them: start a new empty Redis for the role, point connection servers, app servers and roles.registry at it, and replay again. The messages are safe in pending_deliveries meanwhile.",
  },
  drill: {
    kind: "lab",
    inject: ["forget-connections"],
  },
  inhibits: ["PendingDeliveriesBacklog", "DeliveryDelayBudgetBurn"],
  panels: [
    "registry-coverage",
    "registry-entries",
    "registry-canary",
    "messages-held",
    "if-it-dies-registry",
  ],
  scenarios: [
    {
      name: "the registry restarts empty and fills as people reconnect",
      faults: [
        {
          metric: "redisops_registry_entries",
          labels: registry,
          runs: [
            { value: 200_000, samples: 5 },
            { value: 24_000, samples: 10 },
            { value: 196_000, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "6m", firing: [] },
        { at: "8m", firing: ["RegistryCold"] },
        { at: "14m", firing: ["RegistryCold"] },
        { at: "16m", firing: [] },
      ],
    },
    {
      name: "an empty replica is promoted, and heartbeats fill it within a minute",
      faults: [
        {
          metric: "redisops_registry_entries",
          labels: registry,
          runs: [
            { value: 200_000, samples: 5 },
            { value: 0, samples: 1 },
            { value: 200_000, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "5m", firing: [] },
        { at: "8m", firing: [] },
      ],
    },
    {
      name: "a connection server is taken out: its people reconnect to the other one",
      faults: [
        {
          metric: "redisops_registry_connections",
          labels: { role, instance: "connections-1:9000" },
          runs: [
            { value: 100_000, samples: 5 },
            { value: "stale", samples: 20 },
          ],
        },
        {
          metric: "redisops_registry_connections",
          labels: { role, instance: "connections-2:9000" },
          runs: [
            { value: 100_000, samples: 5 },
            { value: 200_000, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "6m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "nobody reports connections, so that an empty registry is what it should be",
      faults: [
        { metric: "redisops_registry_entries", labels: registry, runs: [{ value: 0, samples: 60 }] },
        ...["connections-1:9000", "connections-2:9000"].map((instance) => ({
          metric: "redisops_registry_connections" as const,
          labels: { role, instance },
          runs: [{ value: "stale" as const, samples: 60 }],
        })),
      ],
      expect: [{ at: "30m", firing: [] }],
    },
    {
      name: "a new platform with its first 60 connections, half of them not entered yet",
      faults: [
        { metric: "redisops_registry_entries", labels: registry, runs: [{ value: 30, samples: 60 }] },
        ...["connections-1:9000", "connections-2:9000"].map((instance) => ({
          metric: "redisops_registry_connections" as const,
          labels: { role, instance },
          runs: [{ value: 30, samples: 60 }],
        })),
      ],
      expect: [{ at: "30m", firing: [] }],
    },
  ],
  example: {
    labels: registry,
    summary: "Connection registry knows only 12% of the live connections",
    description:
      "The registry answers, but holds entries for 12% of the connections that the connection servers report. Everybody else looks offline although they are connected: their messages go to pending_deliveries, without any error.",
  },
};
