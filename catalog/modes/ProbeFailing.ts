import { during } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const probe = (name: string, role: string, target = role) => ({ probe: name, role, target });
const registry = { role: "registry" } as const;

/** Probes of a Redis role that read Postgres as well. */
const readPostgres = "pending_deliveries|preferences|bloom|sequence";

export const ProbeFailing: DegradationMode = {
  id: "ProbeFailing",
  title: "A probe fails although what it looks at works",
  role: "any",
  board: "redisops-exporter",
  severity: "ticket",
  nature: "cause",
  origin:
    "An alert that rests on a probe is silent when the probe fails. Where the server is down its own alert tells; where the server works, a renamed table or a missing permission has made on-call blind for one kind of failure.",
  signal: {
    kind: "promql",
    value:
      "(min by (role, probe, target) (redisops_probe_success)" +
      " unless on (role) (max by (role) (redisops_role_up) == 0)" +
      " unless on (role) (max by (role, node) (redisops_redis_up) == 0)" +
      " unless on (role) (max by (role, shard) (redisops_shard_up) == 0)" +
      ` unless (min by (role, probe, target) (redisops_probe_success{probe=~"${readPostgres}"}) and on () (max(redisops_role_up{role="postgres"}) == 0))` +
      " or 0 * (max by (role, probe, target) (redisops_probe_success offset $lookback) unless on (role, probe, target) redisops_probe_success)" +
      ' and on () (max(up{job="redisops"}) == 1))',
    by: ["role", "probe", "target"],
    compared: { comparison: "==", limit: 0 },
    reason:
      "A probe also fails with what it looks at, or with Postgres behind it, and one that vanished has no sample at all. `redisops status` shows the error of each probe by itself.",
  },
  thresholds: {
    for: {
      value: "10m",
      unit: "duration",
      reason:
        "Migrations that rename a table, changed passwords and busy minutes of a database are over by then. A probe that is silent for ten minutes hides nothing that pages within five.",
    },
    lookback: {
      value: "1h",
      unit: "duration",
      reason:
        "A probe that was there an hour ago and is not now was taken out of redisops.yaml: by intent, which this reminds of for an hour, or by mistake.",
    },
  },
  summary: "The {{ $labels.probe }} probe of {{ $labels.target }} fails, although {{ $labels.role }} works",
  description:
    "The {{ $labels.probe }} probe of {{ $labels.target }} has not collected all that it is meant to for ten minutes on at least one exporter, or has disappeared within the last hour, while the servers of {{ $labels.role }} answer. What rests on it is not watched: 100% of the alerts that read its metrics are blind.",
  userImpact: "None by itself. The failure that this probe would have noticed now goes unnoticed.",
  containment: "All other probes go on: each fails alone, and what it had collected before it failed counts.",
  aggravators: [
    "Raising exporter.probe_timeout beyond the scrape’s own: Prometheus gives up first, and all probes of the scrape are lost.",
    "Removing the role from redisops.yaml to silence it: its alerts go too.",
  ],
  normal: "redisops_probe_success is 1 for every probe.",
  frequency:
    "After schema migrations, rotated credentials and changed ACLs; for a provider’s account when it rejects the probe (401, 403) or does not answer.",
  prevention:
    "Run redisops status with the exporter’s own redisops.yaml after each migration, and name the tables in postgres.tables when they move.",
  topologies: {
    sentinel:
      "The sentinels probe fails as soon as one of three Sentinels does not answer, which SentinelQuorumLost does not mind: this is the reminder.",
    cluster: "One node that denies INFO or CLUSTER to the exporter’s user fails the nodes probe of the role.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: ["preferences  Cluster at …  ProbeFailing  …", "  POSTGRES_RELATION_MISSING: …"],
      branches: [
        {
          observed: "POSTGRES_RELATION_MISSING or POSTGRES_ERROR that names a table or a column",
          conclusion:
            "A migration renamed it. Correct postgres.tables in redisops.yaml and reload the exporter, or bring the name back.",
        },
        {
          observed: "REDIS_AUTH or POSTGRES_AUTH",
          conclusion:
            "The exporter’s user lacks a permission. docs/security.md lists the ACL and the grants for each probe.",
        },
        {
          observed: "PROBE_TIMEOUT, and everything else answers fast",
          conclusion:
            "That one query is slow: an index is missing, or autovacuum is behind on a large table. EXPLAIN it; the exporter’s /probe?debug=true shows how long each step takes.",
        },
        {
          observed: "PROVIDER_UNAVAILABLE for an account",
          conclusion:
            "The provider rejects the probe’s credentials or is down. Compare the account in redisops.yaml with the provider’s console and status page.",
        },
        {
          observed: "no error at all",
          conclusion:
            "It works from here. The exporter runs elsewhere, with other credentials, or with an older redisops.yaml: open its landing page, and look at redisops_exporter_config_last_reload_successful.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "What keeps a probe from its data is outside Redis: a schema, a permission, a network path.",
    instead:
      "Mend what the probe’s error names, then reload the exporter (SIGHUP or /-/reload) if redisops.yaml changed.",
    proof: "redisops_probe_success is 1 for the probe.",
    within: "one scrape",
    rollback:
      "Put the former redisops.yaml back and reload; the exporter refuses a wrong one and keeps the one before.",
    whenItFails:
      "Watch what the probe watched by hand, with the query or command that /probe?debug=true shows, until it works again.",
  },
  drill: {
    kind: "lab",
    inject: ["break-sample"],
  },
  inhibits: [],
  panels: ["probe-success", "probe-duration", "exporter-configuration"],
  scenarios: [
    {
      name: "the table of sent notifications is renamed",
      faults: [during(15, "redisops_probe_success", probe("bloom", "dedup"), 1, 0)],
      expect: [
        { at: "2m", firing: [] },
        { at: "12m", firing: [] },
        { at: "15m", firing: ["ProbeFailing"] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "a probe disappears from the exporter’s configuration",
      faults: [
        {
          metric: "redisops_probe_success",
          labels: probe("sequence", "sequence"),
          runs: [
            { value: 1, samples: 65 },
            { value: "stale", samples: 25 },
          ],
        },
      ],
      expect: [
        { at: "64m", firing: [] },
        { at: "72m", firing: [] },
        { at: "80m", firing: ["ProbeFailing"] },
      ],
    },
    {
      name: "the registry is down, and its probes with it",
      faults: [
        during(15, "redisops_role_up", registry, 1, 0),
        during(15, "redisops_role_failure", { ...registry, error_class: "refused" }, 0, 1),
        during(15, "redisops_role_key_space_available_ratio", registry, 1, 0),
        during(15, "redisops_probe_success", probe("redis", "registry"), 1, 0),
        during(15, "redisops_probe_success", probe("registry", "registry"), 1, 0),
        during(15, "redisops_probe_success", probe("nodes", "registry"), 1, 0),
      ],
      expect: [
        { at: "16m", firing: ["RegistryDown", "RedisDown"] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "Postgres is down, and with it the probes of other roles that read it",
      faults: [
        during(15, "redisops_role_up", { role: "postgres" }, 1, 0),
        during(15, "redisops_probe_success", probe("postgres", "postgres"), 1, 0),
        during(15, "redisops_probe_success", probe("bloom", "dedup"), 1, 0),
        during(15, "redisops_probe_success", probe("preferences", "preferences"), 1, 0),
        during(15, "redisops_probe_success", probe("sequence", "sequence"), 1, 0),
        during(
          15,
          "redisops_probe_success",
          probe("pending_deliveries", "registry", "pending_deliveries"),
          1,
          0,
        ),
      ],
      expect: [
        { at: "16m", firing: ["PostgresDown"] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "a probe misses its deadline for five minutes",
      faults: [
        during(
          5,
          "redisops_probe_success",
          probe("pending_deliveries", "registry", "pending_deliveries"),
          1,
          0,
        ),
      ],
      expect: [
        { at: "7m", firing: [] },
        { at: "14m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "dedup", probe: "bloom", target: "dedup" },
    summary: "The bloom probe of dedup fails, although dedup works",
    description:
      "The bloom probe of dedup has not collected all that it is meant to for ten minutes on at least one exporter, or has disappeared within the last hour, while the servers of dedup answer. What rests on it is not watched: 100% of the alerts that read its metrics are blind.",
  },
};
