import { CountsPerSecond, NoUnit, PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DegradationMode, Threshold } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import type { Signal, ThresholdSignal } from "../catalog/signal.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { signalLimit } from "../core/signal/promql.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../core/signal/thresholds.ts";
import {
  badColor,
  type Compared,
  comparedAlternatives,
  comparedSignal,
  limitSteps,
  percent,
} from "./drawn-signal.ts";
import type { BoardSpec, DataPanel, PanelSpec, RowSpec, ThresholdStep } from "./panel.ts";

interface Judgement extends Compared {
  readonly mode: DegradationMode;
  /** The mode's own, or an alternative to it. */
  readonly signal: Signal;
}

/** Draws the limits of all alerts that compare what a panel draws on its left axis, where it has none of its own. */
function withLimits(panel: PanelSpec, judgements: readonly Judgement[]): PanelSpec {
  if (panel.kind !== "timeseries" || panel.thresholds !== undefined) return panel;
  const drawn = panel.queries
    .filter((query) => query.drawn === undefined)
    .map(({ expression }) => expression);
  const found = judgements.filter(
    ({ expression, against }) => against !== undefined && drawn.includes(expression),
  );
  const steps = found.flatMap(({ mode, against }) =>
    against === undefined ? [] : [limitSteps(against.comparison, against.limit, badColor(mode))],
  );
  return steps[0] === undefined ? panel : { ...panel, thresholds: merged(steps) };
}

/** Limits of several alerts on the same value; the colours are those of the last one that is passed. */
function merged(all: readonly (readonly ThresholdStep[])[]): ThresholdStep[] {
  const [first = []] = all;
  const steps = all.flat().filter(({ from }) => from !== undefined);
  return [...first.slice(0, 1), ...steps.sort((a, b) => (a.from ?? 0) - (b.from ?? 0))];
}

const units: Readonly<Record<Threshold["unit"], string>> = {
  duration: Seconds,
  ratio: PercentUnit,
  factor: NoUnit,
  count: Short,
  per_second: CountsPerSecond,
};

/** The name under which a threshold of the mode decides, if one does. */
function limitName(signal: Signal): string | undefined {
  const limit =
    signal.kind === "threshold"
      ? signal.limit
      : signal.kind === "promql"
        ? signal.compared?.limit
        : undefined;
  return typeof limit === "string" ? limit : undefined;
}

const comparisons = { ">": "above", "<": "below", "==": "exactly" } as const;

/** What must hold beside the comparison, in words. */
function guards(signal: Signal, thresholds: EffectiveThresholds): string[] {
  if (signal.kind === "promql")
    return signal.and === undefined ? [] : ["the second condition of its rule holds"];
  const all: string[] = [];
  let guard: ThresholdSignal | undefined = signal.kind === "threshold" ? signal.and : undefined;
  for (; guard !== undefined; guard = guard.and) {
    const { measure, over, rateWindow, comparison } = guard;
    const what = `${over === undefined ? "" : `${measure.metric} / `}${over?.metric ?? measure.metric}`;
    const limit = signalLimit(guard, thresholds);
    all.push(
      rateWindow === undefined
        ? `${what} is ${comparisons[comparison]} ${limit}`
        : `${what} grows by more than ${limit} a second`,
    );
  }
  return all;
}

const kebab = (id: string) => id.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();

/** Draws what a mode's alert compares, for modes whose value no other panel has. */
function signalPanel(
  { mode, signal, expression, against }: Judgement,
  overrides: ThresholdOverrides,
): DataPanel {
  const thresholds = effectiveThresholds(mode, overrides);
  const name = limitName(signal);
  const limit = name === undefined ? undefined : mode.thresholds[name];
  const labels = signal.by.map((label) => `{{${label}}}`).join(" ");
  const shown = (value: number) => (limit?.unit === "ratio" ? percent(value) : String(value));
  const rule =
    against === undefined
      ? "fires for each line that is drawn"
      : `fires where it is ${comparisons[against.comparison]} ${shown(against.limit)}`;
  const held = guards(signal, thresholds);
  const guarded = held.length === 0 ? "" : `, while ${held.join(" and ")}`;
  const other = signal !== mode.signal;
  return {
    id: `signal-${kebab(mode.id)}${other ? "-else" : ""}`,
    kind: "timeseries",
    title: `What ${other ? "else " : ""}${mode.id} looks at`,
    meaning: `The very value that the alert compares. It ${rule}${guarded}, for ${thresholds.for}. ${limit?.reason ?? mode.thresholds.for.reason}`,
    normal: mode.normal,
    width: 12,
    height: 8,
    unit: limit === undefined ? NoUnit : units[limit.unit],
    ...(against !== undefined && {
      thresholds: limitSteps(against.comparison, against.limit, badColor(mode)),
    }),
    standsFor: [mode.id],
    queries: [
      {
        expression,
        legend: labels === "" ? mode.id : labels,
        // What looks at absence, or at changes, has nothing to compare as long as all is well.
        ...(signal.kind === "promql" && { present: { during: [mode.id] } }),
      },
    ],
    empty: `Nothing to compare: what the alert ${mode.id} looks at is not reported, or nothing of the kind is configured.`,
  };
}

const rowOf = (uid: string, panels: readonly DataPanel[]): RowSpec => ({
  id: `${uid}:alerts`,
  title: "What the other alerts look at",
  // A line of its own for a panel without a neighbour.
  panels: panels.map((panel, index) =>
    index === panels.length - 1 && index % 2 === 0 ? { ...panel, width: 24 } : panel,
  ),
});

/**
 * Draws every alert's limit where its value is drawn already, and every other alert's value on the board of its mode, each
 * of its alternatives by itself: so no alert has a threshold that no board shows.
 */
export function withJudgedPanels(boards: readonly BoardSpec[], overrides: ThresholdOverrides): BoardSpec[] {
  const judgements = modes.flatMap((mode) => {
    const compared = mode.nature === "heartbeat" ? undefined : comparedSignal(mode, overrides);
    const { signal } = mode;
    return [
      ...(compared === undefined ? [] : [{ mode, signal, ...compared }]),
      ...comparedAlternatives(mode, overrides).map((each) => ({
        mode,
        signal: each.signal,
        ...each.compared,
      })),
    ];
  });
  return boards.map((board) => {
    const rows = board.rows.map((row) => ({
      ...row,
      panels: row.panels.map((panel) => withLimits(panel, judgements)),
    }));
    const drawn = new Set(
      rows.flatMap(({ panels }) =>
        panels.flatMap((panel) =>
          panel.kind === "text" ? [] : panel.queries.map(({ expression }) => expression),
        ),
      ),
    );
    const missing = judgements.filter(
      ({ mode, expression }) => mode.board === board.uid && !drawn.has(expression),
    );
    return {
      ...board,
      rows: [
        ...rows,
        ...(missing.length === 0
          ? []
          : [
              rowOf(
                board.uid,
                missing.map((judgement) => signalPanel(judgement, overrides)),
              ),
            ]),
      ],
    };
  });
}
