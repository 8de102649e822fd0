import type { DegradationMode } from "../mode.ts";

const role = "preferences";
const assumed = { role, fallback: "opted_in" } as const;

export const PreferencesDefaulting: DegradationMode = {
  id: "PreferencesDefaulting",
  title: "People are assumed to be opted in",
  role,
  board: "redisops-preferences",
  severity: "page",
  nature: "symptom",
  origin:
    "When neither the cache nor Postgres answers, a worker assumes that nobody opted out and sends. That is wrong for the few who did, for as long as it lasts; holding everything back would cost millions of people their one-time passwords and fraud alerts.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_decisions_degraded_total", where: assumed },
    over: { metric: "redisops_decisions_total", where: { role } },
    rateWindow: "window",
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "assumed_ratio",
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
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "The window averages already. A minute more lets a single late scrape, whose decisions all arrive at once, be followed by the next.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    assumed_ratio: {
      value: 0.01,
      unit: "ratio",
      reason:
        "A shard’s failover of 16 s sends a sixth of 5 million reads a second to a Postgres that serves 50,000: 0.8 % of the window’s decisions, which is not worth waking anybody. The loss of the whole cache passes 1 % within four seconds.",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 decisions in the window three that timed out would be 1 %.",
    },
  },
  summary:
    "{{ $value | humanizePercentage }} of the notifications are sent without knowing whether the person opted out",
  description:
    "For {{ $value | humanizePercentage }} of the preference decisions of the last minutes neither the cache nor Postgres gave an answer, and the person was assumed to be opted in. Those of them who opted out are being notified; redisops audit preferences names them.",
  userImpact:
    "People who opted out of a channel are notified on it. Everybody else gets what they should, in time.",
  containment:
    "Sending goes on. Each assumption is written to a file before it is acted on and moved to preference_exposures when Postgres is well, so that afterwards it is known who was notified. People whose entry is in the cache keep their choice, as it was last known.",
  aggravators: [
    "Deleting the workers’ exposures folder, or replacing their hosts without it: the record of who was notified is in there until Postgres took it.",
    "Flushing the cache: entries that cannot be verified still hold most people’s choices.",
    "Letting campaigns run on: they make most of the unwanted notifications, and none of them is urgent.",
  ],
  normal:
    'redisops_decisions_degraded_total{role="preferences",fallback="opted_in"} and redisops_preference_exposures_total stand still.',
  frequency:
    "When the cache and Postgres fail together, or one brings the other down: expect it with every loss of the whole cache at more than 50,000 decisions a second, otherwise not within a year.",
  prevention:
    "Keep redisops:preferences_headroom:ratio as high as money allows: more shards with replicas, PgBouncer before Postgres, campaigns that can be stopped with one switch.",
  topologies: {
    standalone: "Every loss of the one cache server brings this mode on a large platform.",
    cluster:
      "With one shard of six dead a sixth of the people is read from Postgres; at 5 million a second even that is 17 times what Postgres serves, so that about 16 % of all decisions are assumed.",
  },
  diagnosis: [
    {
      command: "redisops status --role preferences",
      shows: ["  5 of 6 shards accept writes; 16.7 % of the key space is without; …"],
      branches: [
        {
          observed: "shards do not accept writes",
          conclusion:
            "The cache began it. Bring its shards back: PreferencesCacheDown for all of them, RedisShardDown for one.",
        },
        {
          observed: "6 of 6 shards accept writes, and “Postgres read” is missing or long",
          conclusion:
            "The cache is well but for people who are not in it; Postgres does not answer about those. Go on with the next step.",
        },
      ],
    },
    {
      command: "redisops status --role postgres",
      shows: ["…PgBouncer lends 20 of 20;…", "…clients wait, up to … s…"],
      branches: [
        {
          observed: "clients wait for PgBouncer, connections active",
          conclusion:
            "Postgres is overrun by reads. Stop campaigns at their source until no client waits; then every remaining decision is right again.",
        },
        {
          observed: "many connections idle in transaction",
          conclusion:
            "They hold the pool without working. End them as PostgresPoolExhausted says; the reads go through at once.",
        },
        {
          observed: "state “refused” or “timeout”",
          conclusion: "PostgresDown is the cause. Bring Postgres back.",
        },
      ],
    },
    {
      command: "redisops audit preferences --since 2h",
      shows: ["…sent on assumption in the last 2h…"],
      branches: [
        {
          observed: "it lists people",
          conclusion:
            "These were decided to be notified against their will. Compare with what was really sent before anybody apologises to them.",
        },
        {
          observed: "nobody, while the alert fires",
          conclusion:
            "The record still lies in the workers’ folders, since Postgres is not well. Ask again afterwards, or name the folders with --exposures.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "What was sent cannot be taken back, and the choices return by themselves: with the cache, or with a Postgres that answers again.",
    instead:
      "Stop campaigns at their source, then bring back what failed first (PreferencesCacheDown, RedisShardDown, PostgresDown, PostgresPoolExhausted). redisops recover preferences then warms the cache without overrunning Postgres again. When it is over run redisops audit preferences --since 2h, with the time of the incident, and hand the list to whoever answers for consent.",
    proof:
      'redisops_decisions_degraded_total{role="preferences",fallback="opted_in"} and redisops_preference_exposures_total stand still.',
    within: "five minutes after the last assumption, which is the window",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Decide with whoever answers for consent whether channels without urgent notifications are switched off until the cache is back: that is the only way to send nothing unwanted. One-time passwords and fraud alerts go on. Where redisops_preference_exposures_dropped_total rises the record is incomplete: give the workers’ folders more room (maxBytes).",
  },
  drill: {
    kind: "lab",
    inject: ["cut-shard --shard 0", "fill-postgres-pool"],
    alsoFires: {
      NotificationsShedBudgetBurn:
        "The shard takes buckets along, and what waited is sent at once afterwards.",
      RedisClusterSlotsUncovered: "A shard of the cache is cut.",
      RedisShardDown: "The same, by its cause.",
      RedisReplicaLost: "The shard’s replica is cut with it.",
      PostgresPoolExhausted: "Postgres, which the workers ask next, has no connection left for them.",
      PostgresPoolSaturated: "The same, before it was full.",
    },
  },
  inhibits: ["DegradedDecisionsBudgetBurn"],
  panels: [
    "decisions-by-fallback-preferences",
    "preference-exposures",
    "preference-reads",
    "preference-headroom",
    "if-it-dies-preferences",
  ],
  scenarios: [
    {
      name: "the cache is lost, Postgres answers a hundredth, and both come back",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: assumed,
          runs: [
            { value: 0, samples: 10 },
            { value: 59_400, samples: 10 },
            { value: 0, samples: 20 },
          ],
        },
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role, fallback: "postgres" },
          runs: [
            { value: 0, samples: 10 },
            { value: 600, samples: 10 },
            { value: 0, samples: 20 },
          ],
        },
        {
          metric: "redisops_preference_exposures_total",
          labels: { role },
          runs: [
            { value: 0, samples: 10 },
            { value: 59_400, samples: 10 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "10m", firing: [] },
        { at: "16m", firing: ["DegradedDecisionsBudgetBurn", "PreferencesDefaulting"] },
        { at: "28m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "a shard fails over within seconds, and a few reads are turned away meanwhile",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: assumed,
          runs: [
            { value: 0, samples: 10 },
            { value: 2_400, samples: 1 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "11m", firing: [] },
        { at: "14m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "Postgres reads what the cache does not answer, and nobody is assumed anything",
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
      name: "a platform without traffic, whose only decision was an assumption",
      faults: [
        { metric: "redisops_decisions_total", labels: { role }, runs: [{ value: 1, samples: 40 }] },
        {
          metric: "redisops_decisions_degraded_total",
          labels: assumed,
          runs: [{ value: 1, samples: 40 }],
        },
      ],
      expect: [{ at: "30m", firing: [] }],
    },
  ],
  example: {
    labels: { role },
    summary: "99% of the notifications are sent without knowing whether the person opted out",
    description:
      "For 99% of the preference decisions of the last minutes neither the cache nor Postgres gave an answer, and the person was assumed to be opted in. Those of them who opted out are being notified; redisops audit preferences names them.",
  },
};
