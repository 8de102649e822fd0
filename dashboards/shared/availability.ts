import { NoUnit, Seconds } from "@grafana/grafana-foundation-sdk/units";
import { RegistryDown } from "../../catalog/modes/RegistryDown.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { colors } from "../colors.ts";
import { drawSignal } from "../drawn-signal.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy, series } from "../series.ts";

/** Whether each role answers, how it fails if not, and how fast it is. */
export function availabilityPanels(thresholds: ThresholdOverrides): DataPanel[] {
  // Every mode of a role that is down compares the same metric with the same limit; a test holds them to it.
  const down = drawSignal(RegistryDown, thresholds, { everyRole: true });
  const failedInRange = `max by (role, error_class) (max_over_time(${series("redisops_role_failure")}[$__range] @ end())) > 0`;
  return [
    {
      id: "role-up",
      kind: "state-timeline",
      title: "Roles that answer",
      meaning:
        "Whether each role’s server accepted a real command, on Redis a write, before the probe’s deadline. A gap means that nobody asked: look at the exporter’s board.",
      normal: "every role up, without a gap.",
      width: 8,
      height: 8,
      unit: NoUnit,
      queries: [{ expression: down.expression, legend: "{{role}}" }],
      states: [
        { value: down.limit, text: "down", color: colors.page },
        { value: 1, text: "up", color: colors.healthy },
      ],
      thresholds: down.steps,
      empty: "No data: no exporter was scraped, or redisops.yaml names no role.",
    },
    {
      id: "role-failures",
      kind: "state-timeline",
      title: "How roles failed",
      meaning:
        "One row for each way in which a role failed during the time range. Refused: the process is not running. Timeout: it hangs, or packets are dropped. Loading: it reads its data set and comes back by itself. Auth: credentials or permissions were changed. Readonly, out of memory, write refused: it answers reads and takes no writes. Exhausted: Postgres has no connection left.",
      normal: "no rows.",
      width: 8,
      height: 8,
      unit: NoUnit,
      queries: [
        {
          expression: `${maxBy(["role", "error_class"], "redisops_role_failure")} and on (role, error_class) (${failedInRange})`,
          legend: "{{role}}: {{error_class}}",
          present: { after: "a role failed in the way that the row names, within the time range" },
        },
      ],
      states: [
        { value: 0, text: "not failing so", color: colors.healthy },
        { value: 1, text: "failing", color: colors.page },
      ],
      thresholds: [
        { from: undefined, color: colors.healthy },
        { from: 1, color: colors.page },
      ],
      empty: "No role failed (or no exporter was scraped, which “Roles that answer” shows).",
    },
    {
      id: "role-response",
      kind: "timeseries",
      title: "Response time",
      meaning:
        "Time of one real command on an open connection, from the slowest exporter’s view. A rise before a role goes down points at load or a slow disk; a sudden end points at the process.",
      normal: "a few milliseconds within one data centre, with short spikes during snapshots.",
      width: 8,
      height: 8,
      unit: Seconds,
      min: 0,
      queries: [{ expression: maxBy(["role"], "redisops_role_response_seconds"), legend: "{{role}}" }],
      empty: "No data: no role answered, or no exporter was scraped.",
    },
  ];
}
