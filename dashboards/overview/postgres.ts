import { PercentUnit, Short } from "@grafana/grafana-foundation-sdk/units";
import { PostgresPoolSaturated } from "../../catalog/modes/PostgresPoolSaturated.ts";
import { roleTitles } from "../../catalog/roles.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { RowSpec } from "../panel.ts";
import { maxBy } from "../series.ts";

const notAnswering = "No data: Postgres did not answer, or redisops.yaml has no section postgres.";

/** Whether the store behind every fallback has connections left. */
export function postgresRow(thresholds: ThresholdOverrides): RowSpec {
  const saturated = drawSignal(PostgresPoolSaturated, thresholds);
  return {
    id: "postgres",
    title: roleTitles.postgres,
    panels: [
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
    ],
  };
}
