import { PercentUnit } from "@grafana/grafana-foundation-sdk/units";
import { modes } from "../../catalog/modes.ts";
import type { BurnRateSignal } from "../../catalog/signal.ts";
import { burnRates } from "../../catalog/slos.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { effectiveThresholds, thresholdValue } from "../../core/signal/thresholds.ts";
import { colors } from "../colors.ts";
import { percent } from "../drawn-signal.ts";
import type { DataPanel, ThresholdStep } from "../panel.ts";

const longWindows = burnRates.map(({ long }) => long);

/** A month's budget spent evenly is 1; the alert's lines are this many times as high. */
function limits(budget: number): ThresholdStep[] {
  const steps = burnRates.map(({ severity, factor }) => ({
    from: Number((budget * factor).toPrecision(6)),
    color: severity === "page" ? colors.page : colors.ticket,
  }));
  return [{ from: undefined, color: colors.healthy }, ...steps.sort((a, b) => a.from - b.from)];
}

function budgetPanel(
  modeId: string,
  signal: BurnRateSignal,
  thresholds: Readonly<Record<string, string | number>>,
  frame: Pick<DataPanel, "id" | "title"> & { readonly bad: string },
): DataPanel {
  const budget = 1 - Number(thresholdValue(thresholds, signal.objective));
  const labels = signal.by.map((label) => `{{${label}}}`).join(" ");
  const pairs = burnRates
    .map(({ long, factor }) => `${percent(Number((budget * factor).toPrecision(6)))} over ${long}`)
    .join(", ");
  return {
    id: frame.id,
    kind: "timeseries",
    title: frame.title,
    meaning: `${frame.bad}, over the alert’s long windows; ${percent(budget)} is what may go wrong in a month. The dashed lines are the alert’s limits: ${pairs}; the first two page, the others are tickets. ${modeId} fires when the short window of the same pair is over the line as well, and ends when that falls below it, long before this curve does.`,
    normal: "no line: nothing went wrong in three days.",
    width: 8,
    height: 8,
    unit: PercentUnit,
    logarithmic: true,
    max: 1,
    thresholds: limits(budget),
    standsFor: [modeId],
    queries: [
      {
        expression: `max by (${[...signal.by, "window"].join(", ")}) (redisops:slo_errors:ratio{slo="${signal.slo}",window=~"${longWindows.join("|")}"}) > 0`,
        legend: `${labels} over {{window}}`,
        present: { during: [modeId] },
      },
    ],
    empty:
      "Nothing went wrong in three days, there was no traffic to judge, or Prometheus does not have the recording rules.",
  };
}

const frames = {
  DegradedDecisionsBudgetBurn: {
    id: "decisions-budget",
    title: "Budget for decisions without the store",
    bad: "Share of each role’s decisions that a fallback made",
  },
  DeliveryDelayBudgetBurn: {
    id: "delivery-delay-budget",
    title: "Budget for late messages",
    bad: "Share of the messages that arrived later than the objective allows",
  },
  NotificationsShedBudgetBurn: {
    id: "shed-budget",
    title: "Budget for notifications that are not sent",
    bad: "Share of the notifications that were given up because no account had room",
  },
} as const;

/** How fast an objective's error budget is spent, with the alert's own limits. Empty where the catalog has no such mode. */
export function budgetPanels(
  overrides: ThresholdOverrides,
  ...ids: readonly (keyof typeof frames)[]
): DataPanel[] {
  return ids.flatMap((id) => {
    const mode = modes.find((each) => each.id === id);
    if (mode?.signal.kind !== "burn-rate") return [];
    return [budgetPanel(id, mode.signal, effectiveThresholds(mode, overrides), frames[id])];
  });
}
