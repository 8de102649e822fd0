import { NoUnit } from "@grafana/grafana-foundation-sdk/units";
import { colors } from "../colors.ts";
import { limitSteps } from "../drawn-signal.ts";
import type { DataPanel } from "../panel.ts";
import { boardMatchers } from "../series.ts";

const ofPostgres = (metric: string) => `${metric}{${['role="postgres"', ...boardMatchers].join(",")}}`;

/** Whether Postgres answers, and how it fails if not. */
export const postgresUp: DataPanel = {
  id: "postgres-up",
  kind: "state-timeline",
  title: "Does Postgres answer?",
  meaning:
    "Whether Postgres ran the exporter’s statement before the deadline, and a row for each way in which it did not. Refused: no process listens. Timeout: it hangs, or the network drops packets. Exhausted: it has no connection left, which its own clients see as well. Auth: the exporter’s login was changed, and perhaps only that.",
  normal: "one green row.",
  width: 12,
  height: 8,
  unit: NoUnit,
  queries: [
    { expression: `max by (role) (${ofPostgres("redisops_role_up")})`, legend: "answers" },
    {
      expression: `1 - max by (error_class) (${ofPostgres("redisops_role_failure")} > 0)`,
      legend: "{{error_class}}",
      present: { during: ["PostgresDown"] },
    },
  ],
  states: [
    { value: 0, text: "failing", color: colors.page },
    { value: 1, text: "up", color: colors.healthy },
  ],
  thresholds: limitSteps("==", 0, colors.page),
  standsFor: ["PostgresDown"],
  empty: "No data: no exporter was scraped, or redisops.yaml has no section postgres.",
};
