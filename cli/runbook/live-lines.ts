import type { DegradationMode } from "../../catalog/mode.ts";
import { formatDuration } from "../../core/duration.ts";
import type { EffectiveThresholds } from "../../core/signal/thresholds.ts";
import type { LiveFinding, LiveMode } from "../../operations/diagnosis/observe-mode.ts";
import { comparedValue, weightOf } from "../../runbooks/conditions.ts";
import { aligned, styled } from "../output.ts";

/** Label sets that are listed one by one; of more the rest is counted. */
const shownFindings = 8;

const figure = (value: number) => String(Number(value.toPrecision(4)));

function labelText(labels: Readonly<Record<string, string>>): string {
  const own = Object.entries(labels).filter(([label]) => label !== "__name__");
  return own.length === 0 ? "" : `${own.map(([label, value]) => `${label} ${value}`).join(", ")}: `;
}

function findingText({ labels, value, holds }: LiveFinding): string {
  const verdict = holds ? styled("red", "holds") : styled("green", "does not hold");
  return `${labelText(labels)}${value === null ? "" : `${figure(value)}, `}${verdict}`;
}

function verdict({ holds }: LiveMode): string {
  if (holds === null) return styled("yellow", "not known");
  return holds ? styled("red", "holds") : styled("green", "does not hold");
}

/** The thresholds in effect, and which of them are the platform's own. */
function thresholdText(mode: DegradationMode, thresholds: EffectiveThresholds): string {
  return Object.entries(mode.thresholds)
    .map(([name, { value }]) => {
      const own = thresholds[name] ?? value;
      return `${name} ${own}${own === value ? "" : ` (default ${value})`}`;
    })
    .join(", ");
}

/** What the user's platform says of a mode now, as lines for the top of its page. */
export function liveLines(
  mode: DegradationMode,
  live: LiveMode,
  thresholds: EffectiveThresholds,
  now: number,
): string[] {
  const compared = comparedValue(mode, thresholds);
  const weight = weightOf(mode);
  const listed = live.findings.toSorted((a, b) => Number(b.holds) - Number(a.holds)).slice(0, shownFindings);
  const left = live.findings.length - listed.length;
  const facts = [
    {
      label: mode.id,
      value: `${verdict(live)}${live.source === "none" ? "" : `, says ${live.source === "probes" ? "a probe" : "Prometheus"}`}`,
    },
    ...(compared === undefined || weight === "extent"
      ? []
      : [
          {
            label: "holds when",
            value: `the value is ${compared.comparison} ${compared.limit}${weight === "decides" ? "" : ", or by another number (see VERIFY)"}`,
          },
        ]),
    ...listed.map((finding) => ({ label: "value", value: findingText(finding) })),
    ...(left > 0 ? [{ label: "", value: `and ${left} more` }] : []),
    ...live.alerts.map(({ state, since, labels }) => ({
      label: "alert",
      value: `${labelText(labels.role === undefined ? {} : { role: labels.role })}${state} for ${formatDuration(now - Date.parse(since))}`,
    })),
    { label: "thresholds", value: thresholdText(mode, thresholds) },
    ...live.rows.map(({ role, target, state, modes, observed }) => ({
      label: role,
      value: [
        `${target}  ${styled(state === "ok" ? "green" : "red", state)}`,
        ...modes.map(({ id }) => id),
        ...(mode.role === "any" ? [] : observed),
      ].join("; "),
    })),
    ...live.problems.map((problem) => ({ label: "not known", value: problem })),
  ];
  return [styled("bold", `NOW, ON ${live.platform}`), ...aligned(facts)];
}
