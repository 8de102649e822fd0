import { NoUnit, PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import { PostgresPoolSaturated } from "../../catalog/modes/PostgresPoolSaturated.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { colors } from "../colors.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy, series } from "../series.ts";

const notAnswering = "No data: Postgres did not answer, or redisops.yaml has no section postgres.";
const noPgBouncer =
  "No data: PgBouncer’s console did not answer (then “PgBouncer” shows it as down), or redisops.yaml has no postgres.pgbouncer.";

const waits: readonly DataPanel[] = [
  {
    id: "postgres-lock-waiters",
    kind: "timeseries",
    title: "Waiting for a lock",
    meaning:
      "Sessions that wait for a lock that another one holds. A line that stays is a chain behind one transaction: the panel at the right shows whether it is one that does not commit.",
    normal: "0, with short peaks.",
    width: 12,
    height: 8,
    unit: Short,
    min: 0,
    queries: [{ expression: maxBy(["role"], "redisops_postgres_lock_waiters"), legend: "waiting" }],
    empty: notAnswering,
  },
  {
    id: "postgres-oldest-transaction",
    kind: "timeseries",
    title: "Oldest open transaction",
    meaning:
      "Age of the oldest open transaction by what its session does. active is a long statement; idle in transaction is an application that does not commit: it keeps its locks, keeps deleted rows from being vacuumed, and makes cached preferences that were changed meanwhile be read from Postgres. Sessions that hide what they do (right axis) leave the age unknown: grant pg_monitor.",
    normal: "seconds; hidden 0.",
    width: 12,
    height: 8,
    unit: Seconds,
    min: 0,
    queries: [
      {
        expression: `time() - min by (state) (${series("redisops_postgres_oldest_transaction_timestamp_seconds")})`,
        legend: "{{state}}",
        present: { after: "a transaction lasted from one scrape into the next" },
      },
      {
        expression: maxBy(["role"], "redisops_postgres_hidden_sessions"),
        legend: "hidden sessions",
        drawn: { rightAxisUnit: Short },
      },
    ],
    empty: "No data: no transaction is open, its session is hidden, or Postgres did not answer.",
  },
];

const pools: readonly DataPanel[] = [
  {
    id: "pgbouncer-up",
    kind: "stat",
    title: "PgBouncer",
    meaning:
      "Whether PgBouncer’s console answers. While it does not, nothing that connects through PgBouncer reaches Postgres, however well that is.",
    normal: "up.",
    width: 4,
    height: 8,
    unit: NoUnit,
    states: [
      { value: 0, text: "down", color: colors.page },
      { value: 1, text: "up", color: colors.healthy },
    ],
    thresholds: [
      { from: undefined, color: colors.page },
      { from: 1, color: colors.healthy },
    ],
    queries: [{ expression: maxBy(["role"], "redisops_pgbouncer_up"), legend: "PgBouncer" }],
    empty: "redisops.yaml has no postgres.pgbouncer",
  },
  {
    id: "pgbouncer-clients",
    kind: "timeseries",
    title: "Clients of the pools",
    meaning:
      "Clients that wait for a connection to Postgres, and how long the first of them has waited (right axis). Waiting that grows means that the pool is too small for the load or that Postgres is too slow: look at the connections beside it. active counts all other clients, idle ones as well.",
    normal: "none waits for more than a moment.",
    width: 10,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(["state"], "redisops_pgbouncer_clients"), legend: "{{state}}" },
      {
        expression: maxBy(["role"], "redisops_pgbouncer_max_wait_seconds"),
        legend: "longest wait",
        drawn: { rightAxisUnit: Seconds },
      },
    ],
    empty: noPgBouncer,
  },
  {
    id: "pgbouncer-servers",
    kind: "timeseries",
    title: "Connections of the pools to Postgres",
    meaning:
      "What the pools’ connections do, stacked up to what the pools may open. All active at the limit while clients wait: the pool is the bottleneck. Free ones while clients wait: PgBouncer cannot log in to Postgres, or another database’s clients wait.",
    normal: "the active ones well below the dashed limit.",
    width: 10,
    height: 8,
    unit: Short,
    min: 0,
    stacked: true,
    queries: [
      { expression: maxBy(["state"], "redisops_pgbouncer_servers"), legend: "{{state}}" },
      {
        expression: maxBy(["role"], "redisops_pgbouncer_servers_limit"),
        legend: "limit",
        drawn: "reference",
      },
    ],
    empty: noPgBouncer,
  },
];

/** Whether the store behind every fallback has connections left, and what keeps them. */
export function postgresPanels(thresholds: ThresholdOverrides) {
  const saturated = drawSignal(PostgresPoolSaturated, thresholds);
  const connections: readonly DataPanel[] = [
    {
      id: "postgres-used",
      kind: "timeseries",
      title: "Connections in use",
      meaning: `Share of the connections open to ordinary users that is taken. Every fallback from Redis ends here: at 100 % they all stop. The alert fires above ${percent(saturated.limit)}. Where nothing is left for the exporter either, it cannot count, and “exporter kept out” stands at 100 %.`,
      normal: "under 60 % at peak.",
      width: 12,
      height: 8,
      unit: PercentUnit,
      min: 0,
      max: 1,
      thresholds: saturated.steps,
      queries: [
        { expression: saturated.expression, legend: "in use" },
        {
          expression: maxBy(["role"], "redisops_postgres_connections_refused"),
          legend: "exporter kept out",
        },
      ],
      empty: notAnswering,
    },
    {
      id: "postgres-connections",
      kind: "timeseries",
      title: "Connections by state",
      meaning:
        "What the connections do, stacked up to the limit. Mostly active is load, often the fallback of a cache that is away; mostly idle is pools that are too large; many idle in transaction is an application that does not commit.",
      normal: "mostly idle, few or none idle in transaction, the sum well below the dashed limit.",
      width: 12,
      height: 8,
      unit: Short,
      min: 0,
      stacked: true,
      queries: [
        { expression: maxBy(["state"], "redisops_postgres_connections"), legend: "{{state}}" },
        {
          expression: maxBy(["role"], "redisops_postgres_connections_limit"),
          legend: "limit",
          drawn: "reference",
        },
      ],
      empty: notAnswering,
    },
  ];
  return { connections, waits, pools };
}
