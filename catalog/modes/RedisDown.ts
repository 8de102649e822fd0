import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";
import type { ThresholdSignal } from "../signal.ts";

/** Only Redis roles have a key space: this keeps Postgres out, and a role of which some other exporter reaches a part. */
const unserved: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_role_key_space_available_ratio" },
  aggregate: "max",
  by: ["role"],
  comparison: "==",
  limit: 0,
};

const fails = (error_class: string): ThresholdSignal => ({
  kind: "threshold",
  measure: { metric: "redisops_role_failure", where: { error_class } },
  aggregate: "max",
  by: ["role"],
  comparison: "==",
  limit: 1,
  and: unserved,
});

const registry = { role: "registry" } as const;
const dedup = { role: "dedup" } as const;
const probe = (name: string, role: string) => ({ probe: name, role, target: role });

export const RedisDown: DegradationMode = {
  id: "RedisDown",
  title: "Redis of a role is gone: connections are refused, or it cannot be reached",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "Redis that is not there at all is the mildest way to fail: each call fails at once and its fallback takes over. What users notice depends on the role, and the role’s own alert says it.",
  signal: { ...fails("refused"), or: fails("unreachable") },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "Redis is back within seconds after a restart, and Sentinel promotes after down-after-milliseconds (30 s unless set) and one election. A minute outlasts both.",
    },
  },
  summary: "Redis of {{ $labels.role }} is gone: connections are refused, or it cannot be reached",
  description:
    "No server of {{ $labels.role }} accepts a connection: 100% of its key space is without Redis. The process is not running, or no packet gets there. It does not hang: that would be RedisHung.",
  userImpact:
    "What the role’s own alert says: late messages (registry), no limit (rate_limit), ids by timestamp (sequence), slower preferences (preferences), duplicates (dedup), accounts near their limit (token_bucket).",
  containment:
    "A refused connection costs microseconds. The applications’ breakers open after five failures, and each decision then goes to the role’s fallback without asking.",
  aggravators: [
    "Starting a server of registry, preferences or dedup with an empty data directory while the old one can still be found: the outage ends and the cold store begins.",
    "Pointing applications at another role’s Redis to have “something”: its eviction policy and its keys belong to another job.",
    "A restart loop under the supervisor: every start reads the data set, fails, and begins again.",
  ],
  normal:
    'redisops_role_failure{error_class="refused"} and redisops_role_failure{error_class="unreachable"} are 0 for every role.',
  frequency:
    "When a process was killed (out of memory, most often) or its machine is gone, and nothing took over within a minute.",
  prevention:
    "Set maxmemory below what the machine has, so that Redis refuses or evicts before the kernel kills it, and give the role a replica that Sentinel or the cluster can promote.",
  topologies: {
    standalone: "Nothing takes over. Start the server, or its machine.",
    sentinel:
      "Sentinels should have promoted the replica by now. SentinelQuorumLost or RedisReplicaLost says why they did not. Refused may also mean that every Sentinel is gone: then nobody tells where the primary is.",
    cluster:
      "All primaries are gone at once, or none of the nodes in redisops.yaml exists any more. Look for what they share: a host, a switch, a rolled-out configuration.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "registry  127.0.0.1:…  refused  RegistryDown  …  (see below)",
        "RedisDown  …  (see below)",
        "  RedisDown: Redis of a role is gone: connections are refused, or it cannot be reached",
        "  REDIS_REFUSED: registry Redis at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "state “refused” and REDIS_REFUSED with an address",
          conclusion:
            "The machine answers and nothing listens on that port. Look why the process ended: its log, then `dmesg` for “Out of memory”. Start it.",
        },
        {
          observed: "state “unreachable”, REDIS_UNREACHABLE with “getaddrinfo”",
          conclusion:
            "The name does not resolve. Mend DNS, or the address in redisops.yaml and in the applications.",
        },
        {
          observed: "state “unreachable” with “ECONNRESET” or “over TLS”",
          conclusion:
            "Something answers and hangs up: a proxy without a backend, or a certificate that has expired. Compare tls.ca_file and tls.server_name with the server’s certificate.",
        },
        {
          observed: "several roles are refused at once",
          conclusion:
            "They share a host or a network. Start there, with registry’s first: every message waits for it.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "Starting a process or a machine belongs to whatever supervises it, not to redisops.",
    instead:
      "Start the server with its own data directory, or promote a replica. Then read the role’s own runbook page: some roles come back cold and need a recovery.",
    proof:
      'redisops_role_failure{error_class="refused"} is 0 and redisops_role_key_space_available_ratio is 1 again.',
    within: "one scrape after the server answers",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "If its data set cannot be read (a damaged AOF; try redis-check-aof first), start it empty only where the role can be refilled: registry, rate_limit, preferences, dedup and token_bucket can. sequence cannot: its page says how the counters are raised first.",
  },
  drill: { kind: "lab", inject: ["kill --role registry"] },
  inhibits: ["RedisErrorRateHigh", "RedisReplicaLost", "ProbeFailing"],
  panels: ["role-failures", "role-up", "node-up", "node-uptime", "store-failures", "breakers-open"],
  scenarios: [
    {
      name: "the registry’s process is killed and started again",
      faults: [
        episode("redisops_role_up", registry, 1, 0),
        episode("redisops_role_failure", { ...registry, error_class: "refused" }, 0, 1),
        episode("redisops_role_key_space_available_ratio", registry, 1, 0),
        episode("redisops_shard_up", { ...registry, shard: "0" }, 1, 0),
        episode("redisops_redis_up", { ...registry, node: "registry:6379" }, 1, 0),
        episode("redisops_probe_success", probe("redis", "registry"), 1, 0),
        episode("redisops_probe_success", probe("registry", "registry"), 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["RegistryDown", "RedisDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "the network to the filter’s servers is cut",
      faults: [
        episode("redisops_role_up", dedup, 1, 0),
        episode("redisops_role_failure", { ...dedup, error_class: "unreachable" }, 0, 1),
        episode("redisops_role_key_space_available_ratio", dedup, 1, 0),
        episode("redisops_shard_up", { ...dedup, shard: "0" }, 1, 0),
        episode("redisops_probe_success", probe("redis", "dedup"), 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "9m", firing: ["DedupSkipped", "RedisDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "one exporter cannot reach the registry, the other one can",
      faults: [episode("redisops_role_failure", { ...registry, error_class: "unreachable" }, 0, 1)],
      expect: [{ at: "9m", firing: [] }],
    },
    {
      name: "a restart that one scrape met",
      faults: [
        {
          metric: "redisops_role_failure",
          labels: { ...registry, error_class: "refused" },
          runs: [
            { value: 0, samples: 3 },
            { value: 1, samples: 1 },
            { value: 0, samples: 10 },
          ],
        },
        {
          metric: "redisops_role_key_space_available_ratio",
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
  ],
  example: {
    labels: { role: "registry" },
    summary: "Redis of registry is gone: connections are refused, or it cannot be reached",
    description:
      "No server of registry accepts a connection: 100% of its key space is without Redis. The process is not running, or no packet gets there. It does not hang: that would be RedisHung.",
  },
};
