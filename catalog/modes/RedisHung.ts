import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const registry = { role: "registry" } as const;
const probe = (name: string) => ({ probe: name, role: "registry", target: "registry" });

export const RedisHung: DegradationMode = {
  id: "RedisHung",
  title: "Redis of a role hangs: connected, and no answer",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "A Redis that hangs is worse than one that is gone: every call waits for its deadline first, and only then the fallback decides. A verdict that takes refused for hung would send on-call to the wrong place.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_failure", where: { error_class: "timeout" } },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 1,
    and: {
      kind: "threshold",
      measure: { metric: "redisops_role_key_space_available_ratio" },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 0,
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "One command over a large key, or a fork for a snapshot, blocks Redis for seconds, and Sentinel replaces a server that hangs as it replaces a dead one. After a minute neither is the explanation.",
    },
  },
  summary: "Redis of {{ $labels.role }} hangs: no answer before the deadline",
  description:
    "The servers of {{ $labels.role }} take connections, or swallow them, and answer nothing: 100% of its key space is without Redis. The process is stopped, blocked by a command or a disk, or the network drops packets without a word.",
  userImpact:
    "As when the role’s Redis is gone, and each decision takes up to its deadline (50 ms in redisops/fallbacks) until the breakers are open.",
  containment:
    "After five deadlines that were missed the breaker opens: decisions go to the fallback at once, and one call a second finds out whether Redis is back. At most 10,000 calls of a process wait.",
  aggravators: [
    "Restarting a server that is forking or rewriting its AOF: it begins again, with more to read.",
    "Raising the deadlines of applications: threads and sockets pile up behind a server that does not answer.",
    "Running KEYS, a large SMEMBERS or DEBUG commands to find out what is wrong: they wait in the same queue, and block it when their turn comes.",
  ],
  normal: 'redisops_role_failure{error_class="timeout"} is 0 for every role.',
  frequency:
    "Rare: a Lua script without an end, a disk that fails below an AOF with appendfsync always, a machine that swaps, a firewall rule that drops instead of rejects.",
  prevention:
    "Disable transparent huge pages and swap, keep scripts bounded, forbid KEYS by ACL, and let firewalls reject rather than drop.",
  topologies: {
    standalone: "Nothing takes over: it has to be woken, or killed and started.",
    sentinel:
      "Sentinels declare it down after down-after-milliseconds and promote the replica. If that has not happened, look at SentinelQuorumLost and RedisReplicaLost. When the old primary wakes it still believes in itself until a Sentinel turns it into a replica; writes of that moment are lost.",
    cluster:
      "All primaries hang at once; a single one would be RedisShardDown. Look for what they share: a host, a disk, one script that the applications run everywhere.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "registry  127.0.0.1:…  timeout  RegistryDown  …  (see below)",
        "RedisHung  …  (see below)",
        "  RedisHung: Redis of a role hangs: connected, and no answer",
        "  REDIS_TIMEOUT: registry Redis at 127.0.0.1:… did not answer before the deadline",
      ],
      branches: [
        {
          observed: "state “timeout” and REDIS_TIMEOUT “did not answer before the deadline”",
          conclusion:
            "Log in to the machine. `ps -o stat,wchan` of the process tells: T is stopped (send SIGCONT), D waits for a disk, R at 100 % CPU runs one long command.",
        },
        {
          observed: "R at 100 % CPU",
          conclusion:
            "`redis-cli SCRIPT KILL` ends a Lua script that has written nothing yet (`FUNCTION KILL` a function). Any other command has to be waited for, or the server failed over.",
        },
        {
          observed: "the process is idle, and answers PING on its own machine",
          conclusion:
            "Packets are dropped on the way. Look at firewalls and at conntrack tables that are full.",
        },
        {
          observed: "every role of that machine is “timeout”",
          conclusion:
            "The machine itself is at fault: memory pressure, a frozen disk, a paused virtual machine.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Whether to wait, wake or kill depends on why it hangs; a blind restart can turn seconds into the time that the data set takes to load.",
    instead:
      "Find out what it waits for. With a replica: fail over rather than wait. Without one: end the command or wake the process, and restart only if that fails.",
    proof:
      'redisops_role_failure{error_class="timeout"} is 0, and redisops_role_response_seconds is back at a few milliseconds.',
    within: "one scrape after it answers; breakers close within about a second of that",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "SIGKILL the server and start it: the state becomes “refused”, then “loading”. What the last fsync has not written is gone; for sequence follow SequenceRegressed before applications may write.",
  },
  drill: {
    kind: "lab",
    inject: ["hang --role registry"],
    alsoFires: {
      RegistryDown: "What hangs is the registry: its own alert wakes somebody.",
      DeliveryDelayBudgetBurn: "What waits while lookups fail is late for people who are connected.",
      RegistryCold: "Entries run out while nothing can prolong them.",
      DegradedDecisionsBudgetBurn: "Every lookup is answered by a fallback.",
    },
  },
  inhibits: ["RedisErrorRateHigh", "RedisReplicaLost", "ProbeFailing"],
  panels: ["role-failures", "role-response", "node-up", "store-failures", "breakers-open"],
  scenarios: [
    {
      name: "the registry hangs and wakes again",
      faults: [
        episode("redisops_role_up", registry, 1, 0),
        episode("redisops_role_failure", { ...registry, error_class: "timeout" }, 0, 1),
        episode("redisops_role_key_space_available_ratio", registry, 1, 0),
        episode("redisops_shard_up", { ...registry, shard: "0" }, 1, 0),
        episode("redisops_redis_up", { ...registry, node: "registry:6379" }, 1, 0),
        episode("redisops_probe_success", probe("redis"), 1, 0),
        episode("redisops_probe_success", probe("registry"), 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["RegistryDown", "RedisHung"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "a slow command makes one probe time out",
      faults: [
        {
          metric: "redisops_role_failure",
          labels: { ...registry, error_class: "timeout" },
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
    summary: "Redis of registry hangs: no answer before the deadline",
    description:
      "The servers of registry take connections, or swallow them, and answer nothing: 100% of its key space is without Redis. The process is stopped, blocked by a command or a disk, or the network drops packets without a word.",
  },
};
