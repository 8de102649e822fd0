import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const role = "preferences";

export const PreferencesCacheDown: DegradationMode = {
  id: "PreferencesCacheDown",
  title: "Preferences cache unusable",
  role,
  board: "redisops-preferences",
  severity: "page",
  nature: "symptom",
  origin:
    "Without the cache every worker asks Postgres before it sends. That is 5 million reads a second against the 50,000 that a well-tuned Postgres serves: one in a hundred. It stays in Postgres all the same, because an opt-out at 9:00:00 has to hold at 9:00:01, and a store that is consistent later cannot promise that.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_up", where: { role } },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 0,
    // The exporter may reach a cache that the workers do not.
    or: {
      kind: "threshold",
      measure: { metric: "redisops_decisions_degraded_total", where: { role, fallback: "postgres" } },
      over: { metric: "redisops_decisions_total", where: { role } },
      rateWindow: "window",
      aggregate: "sum",
      by: ["role"],
      comparison: ">",
      limit: "fallback_ratio",
      and: {
        kind: "threshold",
        measure: { metric: "redisops_decisions_total", where: { role } },
        rateWindow: "window",
        aggregate: "sum",
        by: ["role"],
        comparison: ">",
        limit: "min_decision_rate",
      },
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "A shard’s replica takes over about 16 s after its primary is gone (Redis’s own cluster-node-timeout is 15 s), and six shards do not fail over at once.",
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
        "One dead shard of six sends a sixth of the reads to Postgres, three send half: those have alerts of their own, which name the shard. Above half it is the cache as a whole, or the workers’ way to it.",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 decisions in the window a handful that timed out make a large share.",
    },
  },
  summary: "Preferences cache cannot be used: workers ask Postgres",
  description:
    "{{ if eq $value 0.0 }}No shard of the preferences cache accepts a write: 100% of the people are without it.{{ else }}The cache answers redisops, but {{ $value | humanizePercentage }} of the workers’ preference decisions were made by Postgres because the cache gave them no answer.{{ end }} Postgres can carry a small part of the cache’s reads; what it turns away is decided as opted in (PreferencesDefaulting).",
  userImpact:
    "None while Postgres keeps up. Where it does not, people who opted out are notified all the same. Nobody misses a notification.",
  containment:
    "Each worker reads Postgres through a bulkhead, 8 reads at a time and 256 waiting, for 50 ms at most. What does not fit is sent as opted in and written down for the audit, so that Postgres survives and delivery goes on.",
  aggravators: [
    "Widening the workers’ bulkhead or their deadline: it takes away what keeps Postgres up, and the registry’s fallback ends in the same Postgres.",
    "Adding or restarting workers: each one brings up to ten more connections, and none of them has anything cached.",
    "Letting a campaign go on: bulk notifications take the reads that one-time passwords need.",
  ],
  normal:
    'redisops_role_up{role="preferences"} is 1 in every scrape, and redisops_decisions_degraded_total{role="preferences",fallback="postgres"} does not rise.',
  frequency:
    "Only when the whole cluster is gone: its network, its hosts, its ACL. The loss of single servers, which is the usual case, ends in a failover and never comes here.",
  prevention:
    "Keep each shard’s replica on another host than its primary, and no two primaries on one host, so that one host is one sixth. Watch redisops:preferences_headroom:ratio: it says beforehand which share of the reads Postgres could take over.",
  topologies: {
    standalone: "The one server is everybody’s cache: its restart is this mode, and it comes back empty.",
    sentinel:
      "A promotion takes over after the Sentinels’ down-after-milliseconds, 30 s unless it is set lower; together with the election that may just pass this alert’s minute.",
    cluster:
      "People are spread over the shards by user id, so one dead shard of six concerns a sixth of them. This alert then stays silent: RedisShardDown has the shard, RedisClusterSlotsUncovered the slots that nobody serves.",
  },
  diagnosis: [
    {
      command: "redisops status --role preferences",
      shows: [
        "preferences  Cluster at … refused …PreferencesCacheDown…",
        "  … does not answer; … does not answer; and 10 more servers do not answer;",
        "  PreferencesCacheDown: Preferences cache unusable",
        "  REDIS_REFUSED: preferences Redis Cluster at …: none can tell where the data is: …",
      ],
      branches: [
        {
          observed: "state “refused”, no server answers",
          conclusion: "No process is running. Start the hosts; the entries come back by themselves.",
        },
        {
          observed: "state “timeout”",
          conclusion:
            "The servers hang, or the network between here and them drops packets. If redisops status shows token_bucket on the same servers as ok, it is the preferences’ ACL or network path.",
        },
        {
          observed: "state “cluster_down”",
          conclusion:
            "The servers run, and refuse commands because slots have no primary (cluster-require-full-coverage is yes). Bring back the shard that RedisClusterSlotsUncovered names.",
        },
        {
          observed: "state “auth”",
          conclusion:
            "Password or ACL were changed. Compare them with roles.preferences in redisops.yaml and with what the workers were given.",
        },
        {
          observed: "state “out_of_memory”",
          conclusion:
            "Reads still work, new entries are refused: the eviction policy is noeviction. Set allkeys-lru; RoleContractViolated says where.",
        },
        {
          observed: "state “ok”, and the alert gives a share",
          conclusion:
            "Only the workers lack the cache. Compare their address, credentials and network with redisops.yaml, and look whether one deployment alone is concerned.",
        },
      ],
    },
    {
      command: "redisops status --role postgres",
      shows: ["  answers in … ms; connections … of 97; active …", "…no client waits"],
      branches: [
        {
          observed: "“no client waits”, connections well below their limit",
          conclusion: "Postgres carries the reads. There is time: bring the cache back without haste.",
        },
        {
          observed: "PgBouncer lends all it has and clients wait",
          conclusion:
            "Postgres is the bottleneck, and opted-out people are being notified. Stop campaigns at their source now; PreferencesDefaulting says what to do afterwards.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Only starting the servers ends this mode. Afterwards each entry comes back with the first read of its person; nothing can be put back faster than Postgres can be read.",
    instead:
      "Start or fail over the cache’s servers, empty ones will do. Hold campaigns back until redisops:preferences_cache_hit:ratio is over 0.9: an empty cache sends each person’s first read to Postgres, at 50,000 a second half an hour for 90 million people. redisops recover preferences warms it with those who were active last, at a rate that Postgres bears, and first deletes entries that an outage has left outdated.",
    proof:
      'redisops_role_up{role="preferences"} is 1 again, redisops_decisions_degraded_total{role="preferences",fallback="postgres"} stands still and redisops:preferences_cache_hit:ratio rises.',
    within:
      "one scrape after the servers answer; where the workers’ share fired it, five minutes, which is the window",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Point roles.preferences and the workers at a new, empty cluster. Until then thin the load out at its source, bulk first, until PgBouncer has no waiters: Postgres then answers for all who are left.",
  },
  drill: {
    kind: "lab",
    inject: ["kill-all --role preferences"],
    alsoFires: {
      NotificationsShedBudgetBurn: "The buckets of the same cluster are away, so that learned limits hold.",
      TokenBucketsDown: "The lab has both roles in one cluster.",
    },
  },
  inhibits: [
    "RedisDown",
    "RedisHung",
    "RedisErrorRateHigh",
    "RedisShardDown",
    "ProbeFailing",
    "DegradedDecisionsBudgetBurn",
  ],
  panels: [
    "role-up",
    "role-failures",
    "decisions-by-fallback-preferences",
    "preference-reads",
    "preference-hit-ratio",
    "preference-headroom",
    "preference-probe-reads",
    "if-it-dies-preferences",
  ],
  scenarios: [
    {
      name: "the cluster goes away as a whole and comes back",
      faults: [episode("redisops_role_up", { role }, 1, 0)],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["PreferencesCacheDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "the exporter reaches the cache, the workers do not",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "postgres" },
          runs: [
            { value: 0, samples: 10 },
            { value: 60_000, samples: 10 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "18m", firing: ["DegradedDecisionsBudgetBurn", "PreferencesCacheDown"] },
        { at: "30m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "one of six shards is dead: its sixth of the people is read from Postgres",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "postgres" },
          runs: [
            { value: 0, samples: 10 },
            { value: 10_000, samples: 20 },
          ],
        },
      ],
      expect: [{ at: "25m", firing: ["DegradedDecisionsBudgetBurn"] }],
    },
    {
      name: "a failover that one scrape meets",
      faults: [
        {
          metric: "redisops_role_up",
          labels: { role },
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
      name: "hardly any traffic, and all of it times out",
      faults: [
        {
          metric: "redisops_decisions_total",
          labels: { role },
          runs: [{ value: 6, samples: 40 }],
        },
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "postgres" },
          runs: [{ value: 6, samples: 40 }],
        },
      ],
      expect: [{ at: "30m", firing: [] }],
    },
  ],
  example: {
    labels: { role },
    summary: "Preferences cache cannot be used: workers ask Postgres",
    description:
      "No shard of the preferences cache accepts a write: 100% of the people are without it. Postgres can carry a small part of the cache’s reads; what it turns away is decided as opted in (PreferencesDefaulting).",
  },
};
