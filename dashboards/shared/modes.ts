import { NoUnit } from "@grafana/grafana-foundation-sdk/units";
import type { DegradationMode } from "../../catalog/mode.ts";
import { Watchdog } from "../../catalog/modes/Watchdog.ts";
import { modes } from "../../catalog/modes.ts";
import { modeRoleTitles, type RedisRole, type Role, roles, roleTitles } from "../../catalog/roles.ts";
import { colors } from "../colors.ts";
import { dashed } from "../narrow.ts";
import type { DataPanel, PanelState } from "../panel.ts";

/** What a row of the timeline says, in the order of severity that the legend shows. */
const states: readonly PanelState[] = [
  { value: 0, text: "OK", color: colors.healthy },
  { value: 1, text: "pending", color: colors.pending },
  { value: 2, text: "firing", color: colors.page },
  { value: 3, text: "unknown", color: colors.unknown },
];

/**
 * The role keeps alerts of the same name apart that others bring: a Watchdog is common. A mode that may hold for any
 * role is shown for all of them at once, unless one is named.
 */
function alerts({ id, role: own }: DegradationMode, state: "firing" | "pending", role?: Role): string {
  const one = own === "any" ? role : own;
  const matcher = one === undefined ? `role=~"${roles.join("|")}"` : `role="${one}"`;
  return `max(ALERTS{alertname="${id}",${matcher},alertstate="${state}"})`;
}

/**
 * PromQL of a mode's state, for one role where it may hold for any. An alert that is silent has no series, so "OK" is
 * read from the heartbeat: it holds only while Prometheus evaluates the rules. A mode that nobody watches is unknown.
 */
export function modeStatePromql(mode: DegradationMode, role?: Role): string {
  const silent = `${alerts(Watchdog, "firing")} * 0 or vector(3)`;
  if (mode.nature === "heartbeat") return silent;
  return `${alerts(mode, "firing", role)} * 2 or ${alerts(mode, "pending", role)} or ${silent}`;
}

function timeline(
  frame: Pick<DataPanel, "id" | "title" | "meaning" | "normal" | "width" | "height">,
  shown: readonly DegradationMode[],
  legend: (mode: DegradationMode) => string,
  role?: Role,
): DataPanel {
  return {
    ...frame,
    kind: "state-timeline",
    unit: NoUnit,
    queries: shown.map((mode) => ({
      expression: modeStatePromql(mode, role),
      legend: legend(mode),
      mode: mode.id,
    })),
    standsFor: shown.map(({ id }) => id),
    states,
    thresholds: states.map(({ value, color }, index) => ({ from: index === 0 ? undefined : value, color })),
    empty: "Prometheus did not answer: check the data source that is chosen above.",
  };
}

/** The state of every degradation mode, role by role in the order of the catalog. */
export function allModesPanel(): DataPanel {
  const order = [...roles, "any" as const];
  const sorted = [...modes].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role));
  return timeline(
    {
      id: "modes",
      title: "Degradation modes",
      meaning:
        "State of each mode’s alert as Prometheus evaluates it, silenced and inhibited alerts included, role by role. A mode of any Redis role shows the worst of them; the role’s own board has it alone. The row Watchdog is the heartbeat of the rules: while it is unknown, every row that shows no alert is unknown as well. While ExporterDown fires, “OK” in the other rows means only that nothing can be seen.",
      normal: "all rows OK.",
      width: 18,
      height: 22,
    },
    sorted,
    ({ id, role }) => `${modeRoleTitles[role]}: ${id}`,
  );
}

/** Modes of one role, and those of any role for it. */
export function modesOfRolePanel(role: RedisRole): DataPanel {
  return timeline(
    {
      id: `modes-${dashed(role)}`,
      title: "What is wrong with it",
      meaning: `State of each alert that can concern this role (${roleTitles[role]}), those that exist for every Redis role included. Click a red stretch for its runbook page. Unknown means that Prometheus does not evaluate the rules.`,
      normal: "all rows OK.",
      width: 15,
      height: 11,
    },
    modes.filter((mode) => mode.role === role || mode.role === "any"),
    ({ id }) => id,
    role,
  );
}

/** Modes of what is not Redis: of Postgres, or of redisops itself. */
export function modesOfOtherPanel(role: "postgres" | "self"): DataPanel {
  return timeline(
    {
      id: `modes-${role}`,
      title: role === "postgres" ? "What is wrong with it" : "What is wrong with the watching",
      meaning:
        role === "postgres"
          ? "State of each alert about Postgres, its pools and the messages that wait in it. Click a red stretch for its runbook page. Unknown means that Prometheus does not evaluate the rules."
          : "State of the alerts about redisops itself. The Watchdog is the heartbeat of the rules: unknown there means that no alert can come.",
      normal: "all rows OK.",
      width: 12,
      height: 8,
    },
    modes.filter((mode) => mode.role === role || (role === "postgres" && mode.board === "redisops-postgres")),
    ({ id }) => id,
  );
}
