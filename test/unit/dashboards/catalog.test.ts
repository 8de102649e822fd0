import { expect, test } from "vitest";
import { metrics } from "../../../catalog/metrics.ts";
import type { DegradationMode } from "../../../catalog/mode.ts";
import { ExporterDown } from "../../../catalog/modes/ExporterDown.ts";
import { modes } from "../../../catalog/modes.ts";
import type { ThresholdSignal } from "../../../catalog/signal.ts";
import type { ThresholdOverrides } from "../../../core/config/thresholds-section.ts";
import { signalLimit, signalValuePromql } from "../../../core/signal/promql.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { boardMatchers } from "../../../dashboards/series.ts";
import { withoutMode } from "../../closure/panels.ts";
import { type BoardPanel, defaults, overview } from "./board.ts";

/** Serves the reader, not a mode. */

const overridden: ThresholdOverrides = {
  BloomCold: { absent_ratio: 0.21 },
  BloomSaturated: { target_factor: 3.25 },
  PendingDeliveriesBacklog: { deliverable_ratio: 0.33 },
  PostgresPoolSaturated: { used_ratio: 0.51 },
  ProviderThrottled: { window: "17m", throttled_ratio: 0.08 },
};

const judged = modes.flatMap((mode) =>
  mode.signal.kind === "threshold" ? [{ mode, signal: mode.signal }] : [],
);

/** The panel among the mode's own that draws its signal, whether for its role alone or for every role. */
function panelOfSignal(
  mode: DegradationMode,
  signal: ThresholdSignal,
  thresholds: ThresholdOverrides,
): BoardPanel {
  const { panel } = overview({ ...defaults, thresholds });
  const effective = effectiveThresholds(mode, thresholds);
  const everyRole = { ...signal, measure: { metric: signal.measure.metric } };
  const drawn = [signal, everyRole].map((each) => signalValuePromql(each, effective, boardMatchers));
  const found = mode.panels
    .map(panel)
    .find(({ targets = [] }) => targets.some(({ expr }) => drawn.includes(expr)));
  if (found === undefined) throw new Error(`no panel of ${mode.id} draws its signal`);
  return found;
}

function colorAt(panel: BoardPanel, value: number): string | undefined {
  const steps = panel.fieldConfig?.defaults.thresholds?.steps ?? [];
  return steps.findLast((step) => step.value === null || value >= step.value)?.color;
}

test("every panel that a mode names is on the board, and every panel on the board is named by a mode", () => {
  const named = new Set(modes.flatMap(({ panels }) => panels));
  const { built, board } = overview();
  expect(Object.keys(built.panels).sort()).toEqual([...named, ...Object.keys(withoutMode)].sort());
  const numbers = board.panels.filter(({ type }) => type !== "row").map(({ id }) => id);
  expect(numbers.sort()).toEqual(Object.values(built.panels).sort());
});

test("every metric of the contract is drawn, and nothing else is", () => {
  const expressions = overview().dataPanels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const drawn = expressions.flatMap((expr) => expr.match(/\bredisops_[a-z_]+/g) ?? []);
  const named = drawn.map((name) => (name in metrics ? name : name.replace(/_(?:bucket|count)$/, "")));
  expect([...new Set(named)].sort()).toEqual(Object.keys(metrics).sort());
});

test.each([
  ["the catalog", {}],
  ["redisops.yaml", overridden],
])("each signal is drawn with the limit of %s", (_, thresholds) => {
  expect(judged.length).toBeGreaterThan(5);
  for (const { mode, signal } of judged) {
    const panel = panelOfSignal(mode, signal, thresholds);
    const limit = signalLimit(signal, effectiveThresholds(mode, thresholds));
    const healthy = signal.comparison === "==" ? limit + 1 : signal.comparison === ">" ? limit - 1e-9 : limit;
    const bad = signal.comparison === "<" ? limit - 1e-9 : limit;
    expect(colorAt(panel, healthy), mode.id).toBe("green");
    expect(colorAt(panel, bad), mode.id).toMatch(/^(red|orange)$/);
    const own = panel.fieldConfig?.defaults.thresholds?.steps.map(({ value }) => value);
    expect(own, mode.id).toContain(limit);
  }
});

test("only a mode’s limit is drawn as a line", () => {
  const withLimit = judged.map(({ mode, signal }) => panelOfSignal(mode, signal, {}).title);
  for (const { title, type, fieldConfig } of overview().dataPanels) {
    if (type !== "timeseries") continue;
    const limits = fieldConfig?.defaults.thresholds?.steps.length ?? 0;
    expect(limits > 1, title).toBe(withLimit.includes(title));
  }
});

test("the limits are named in the descriptions as they are drawn", () => {
  const { panel } = overview({ ...defaults, thresholds: overridden });
  expect(panel("bloom-canaries").description).toContain("21 %");
  expect(panel("bloom-false-positives").description).toContain("3.25 times");
  expect(panel("postgres-used").description).toContain("51 %");
});

test("each panel links to the runbook page of every mode that names it", () => {
  const { built, panel } = overview();
  for (const id of Object.keys(built.panels)) {
    const served = modes.filter(({ panels }) => panels.includes(id));
    expect(panel(id).links?.map(({ url }) => url)).toEqual(
      served.map((mode) => `https://runbooks.example/pages/${mode.id}.md`),
    );
  }
});

test("the timeline has a row for each mode, linked to its page", () => {
  const { targets = [], fieldConfig } = overview().panel("modes");
  expect(targets.map(({ legendFormat }) => legendFormat)).toEqual(modes.map(({ id }) => id));
  for (const [index, { refId, legendFormat }] of targets.entries()) {
    const override = fieldConfig?.overrides[index];
    expect(override?.matcher.options).toBe(refId);
    expect(override?.properties).toEqual([
      {
        id: "links",
        value: [
          {
            title: `Runbook: ${legendFormat}`,
            url: `https://runbooks.example/pages/${legendFormat}.md`,
            targetBlank: true,
          },
        ],
      },
    ]);
  }
});

test("the exporters that are shown are those whose absence pages", () => {
  const { signal } = ExporterDown;
  const [target] = overview().panel("exporter-up").targets ?? [];
  const job = /up\{(job="[^"]*")\}/.exec(signal.kind === "promql" ? signal.expression : "")?.[1];
  expect(target?.expr).toContain(`up{${job},`);
});
