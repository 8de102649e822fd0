import { NoUnit } from "@grafana/grafana-foundation-sdk/units";
import type { DegradationMode } from "../../catalog/mode.ts";
import { Watchdog } from "../../catalog/modes/Watchdog.ts";
import { modes } from "../../catalog/modes.ts";
import { colors } from "../colors.ts";
import type { PanelState, RowSpec } from "../panel.ts";

/** What a row of the timeline says, in the order of severity that the legend shows. */
const states: readonly PanelState[] = [
  { value: 0, text: "OK", color: colors.healthy },
  { value: 1, text: "pending", color: colors.pending },
  { value: 2, text: "firing", color: colors.page },
  { value: 3, text: "unknown", color: colors.unknown },
];

/** The role keeps alerts of the same name apart that others bring: a Watchdog is common. */
const alerts = ({ id, role }: DegradationMode, state: "firing" | "pending") =>
  `max(ALERTS{alertname="${id}",role="${role}",alertstate="${state}"})`;

/**
 * PromQL of a mode's state. An alert that is silent has no series, so "OK" is read from the heartbeat: it holds only
 * while Prometheus evaluates the rules. A mode that nobody watches is unknown.
 */
export function modeStatePromql(mode: DegradationMode): string {
  const silent = `${alerts(Watchdog, "firing")} * 0 or vector(3)`;
  if (mode.nature === "heartbeat") return silent;
  return `${alerts(mode, "firing")} * 2 or ${alerts(mode, "pending")} or ${silent}`;
}

const guide = `One row below for each thing that depends on Redis, from where messages enter to where they leave.

1. **Degradation modes** at the right: what is wrong now, and since when. Click a red stretch for its runbook page.
2. **Is it up?** Which role answers, how it fails if not, and how fast it is.
3. **The role's own row**: dashed lines are the alerts' limits.

Each panel's *i* says what it means and what is normal; its link leads to the runbook. From a terminal: \`redisops status\`.`;

/** How to read the board, and the state of every degradation mode over time. */
export function modesRow(): RowSpec {
  return {
    id: "modes",
    panels: [
      {
        id: "purpose",
        kind: "text",
        title: "How to read this board",
        meaning: "What this board is for, and where to look first.",
        width: 6,
        height: 10,
        content: guide,
      },
      {
        id: "modes",
        kind: "state-timeline",
        title: "Degradation modes",
        meaning:
          "State of each mode’s alert as Prometheus evaluates it, silenced and inhibited alerts included. The row Watchdog is the heartbeat of the rules: while it is unknown, every row that shows no alert is unknown as well. While ExporterDown fires, “OK” in the other rows means only that nothing can be seen.",
        normal: "all rows OK.",
        width: 18,
        height: 10,
        unit: NoUnit,
        queries: modes.map((mode) => ({
          expression: modeStatePromql(mode),
          legend: mode.id,
          mode: mode.id,
        })),
        states,
        thresholds: states.map(({ value, color }, index) => ({
          from: index === 0 ? undefined : value,
          color,
        })),
        empty: "Prometheus did not answer: check the data source that is chosen above.",
      },
    ],
  };
}
