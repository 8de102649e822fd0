import { expect, test } from "vitest";
import { metrics } from "../../../catalog/metrics.ts";
import type { DegradationMode } from "../../../catalog/mode.ts";
import { ExporterDown } from "../../../catalog/modes/ExporterDown.ts";
import { modes } from "../../../catalog/modes.ts";
import { redisRoles } from "../../../catalog/roles.ts";
import { burnRates } from "../../../catalog/slos.ts";
import type { ThresholdOverrides } from "../../../core/config/thresholds-section.ts";
import { signalLimit, signalValuePromql } from "../../../core/signal/promql.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { comparedAlternatives, comparedSignal, percent } from "../../../dashboards/drawn-signal.ts";
import { dashed } from "../../../dashboards/narrow.ts";
import { boardMatchers } from "../../../dashboards/series.ts";
import { servedModes } from "../../../dashboards/served-modes.ts";
import { allBoards, type BoardPanel, boardOf, defaults, specifiedPanels } from "./board.ts";

const overridden: ThresholdOverrides = {
  BloomCold: { absent_ratio: 0.21 },
  BloomSaturated: { target_factor: 3.25 },
  PendingDeliveriesBacklog: { deliverable_ratio: 0.33 },
  PostgresPoolSaturated: { used_ratio: 0.51 },
  ProviderThrottled: { window: "17m", throttled_ratio: 0.08 },
};

const compared = modes.filter((mode) => {
  const drawn = mode.nature === "heartbeat" ? undefined : comparedSignal(mode, {});
  return drawn?.against !== undefined;
});

function limitOf({ signal }: DegradationMode, thresholds: Readonly<Record<string, string | number>>) {
  const side = signal.kind === "threshold" ? signal : signal.kind === "promql" ? signal.compared : undefined;
  if (side === undefined) throw new Error("nothing is compared");
  return { comparison: side.comparison, limit: signalLimit(side, thresholds) };
}

/** The panels on the mode's board that draw its signal, whether for its role alone or for every role. */
function panelsOfSignal(mode: DegradationMode, thresholds: ThresholdOverrides): readonly BoardPanel[] {
  const { signal } = mode;
  const effective = effectiveThresholds(mode, thresholds);
  const drawn = [comparedSignal(mode, thresholds)?.expression];
  if (signal.kind === "threshold") {
    const everyRole = { ...signal, measure: { metric: signal.measure.metric } };
    drawn.push(signalValuePromql(everyRole, effective, boardMatchers));
  }
  const { dataPanels } = boardOf(mode.board, { ...defaults, thresholds });
  return dataPanels.filter(({ targets = [] }) => targets.some(({ expr }) => drawn.includes(expr)));
}

function colorAt(panel: BoardPanel, value: number): string | undefined {
  const steps = panel.fieldConfig?.defaults.thresholds?.steps ?? [];
  return steps.findLast((step) => step.value === null || value >= step.value)?.color;
}

test("every metric of the contract is drawn, and nothing else is", () => {
  const expressions = allBoards().flatMap(({ dataPanels }) =>
    dataPanels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  );
  const drawn = expressions.flatMap((expr) => expr.match(/\bredisops_[a-z_]+/g) ?? []);
  const named = drawn.map((name) => (name in metrics ? name : name.replace(/_(?:bucket|count)$/, "")));
  expect([...new Set(named)].sort()).toEqual(Object.keys(metrics).sort());
});

test.each([
  ["the catalog", {}],
  ["redisops.yaml", overridden],
])("each alert’s value is drawn on the board of its mode, with the limit of %s", (_, thresholds) => {
  expect(compared.length).toBeGreaterThan(25);
  for (const mode of compared) {
    const { comparison, limit } = limitOf(mode, effectiveThresholds(mode, thresholds));
    const [panel] = panelsOfSignal(mode, thresholds);
    if (panel === undefined) throw new Error(`${mode.id}: no panel of ${mode.board} draws its signal`);
    const healthy =
      comparison === "==" ? (limit === 0 ? 1 : limit - 1) : comparison === ">" ? limit - 1e-9 : limit;
    const bad = comparison === "<" ? limit - 1e-9 : limit;
    expect(colorAt(panel, healthy), mode.id).toBe("green");
    expect(colorAt(panel, bad), mode.id).toMatch(/^(red|orange)$/);
    const own = panel.fieldConfig?.defaults.thresholds?.steps.map(({ value }) => value);
    expect(own, mode.id).toContain(limit);
  }
});

test.each([
  ["the catalog", {}],
  ["redisops.yaml", { RegistryDown: { fallback_ratio: 0.07 } }],
] satisfies [string, ThresholdOverrides][])(
  "what else an alert fires on is drawn on the board of its mode, with the limit of %s",
  (_, thresholds) => {
    const alternatives = modes.flatMap((mode) =>
      comparedAlternatives(mode, thresholds).map((each) => ({ mode, ...each })),
    );
    expect(alternatives.length).toBeGreaterThan(5);
    for (const { mode, signal, compared: drawn } of alternatives) {
      const limit = Number(effectiveThresholds(mode, thresholds)[signal.limit]);
      const { dataPanels } = boardOf(mode.board, { ...defaults, thresholds });
      const panel = dataPanels.find(({ targets = [] }) =>
        targets.some(({ expr }) => expr === drawn.expression),
      );
      if (panel === undefined) throw new Error(`${mode.id}: no panel draws ${drawn.expression}`);
      expect([colorAt(panel, limit - 1e-9), colorAt(panel, limit)], mode.id).toEqual([
        "green",
        mode.severity === "page" ? "red" : "orange",
      ]);
      expect(panel.description, mode.id).toContain(`It fires where it is above ${percent(limit)}`);
    }
  },
);

test("a budget is drawn with the alert’s own factors", () => {
  const budgets = modes.flatMap((mode) =>
    mode.signal.kind === "burn-rate" ? [{ mode, signal: mode.signal }] : [],
  );
  expect(budgets.length).toBe(3);
  for (const { mode, signal } of budgets) {
    const budget = 1 - Number(effectiveThresholds(mode)[signal.objective]);
    const { dataPanels } = boardOf(mode.board);
    const panel = dataPanels.find(({ targets = [] }) =>
      targets.some(({ expr }) => expr.includes(`redisops:slo_errors:ratio{slo="${signal.slo}"`)),
    );
    const limits = panel?.fieldConfig?.defaults.thresholds?.steps.flatMap(({ value }) => value ?? []);
    expect(limits?.length, mode.id).toBe(burnRates.length);
    for (const { factor } of burnRates)
      expect(
        limits?.some((limit) => Math.abs(limit - budget * factor) < 1e-9),
        mode.id,
      ).toBe(true);
  }
});

test("only an alert’s limit is drawn as a line", () => {
  const withLimit = new Set(compared.flatMap((mode) => panelsOfSignal(mode, {}).map(({ id }) => id)));
  for (const { board, dataPanels } of allBoards()) {
    for (const { id, title, type, fieldConfig, targets = [] } of dataPanels) {
      const isBudget = targets.some(({ expr }) => expr.includes("redisops:slo_errors"));
      const drawnElsewhere = modes.some((mode) =>
        [comparedSignal(mode, {}), ...comparedAlternatives(mode, {}).map(({ compared: each }) => each)].some(
          (each) => targets.some(({ expr }) => expr === each?.expression),
        ),
      );
      if (type !== "timeseries" || isBudget || drawnElsewhere) continue;
      const limits = fieldConfig?.defaults.thresholds?.steps.length ?? 0;
      if (limits > 1) expect(withLimit.has(id), `${board.uid}: ${title}`).toBe(true);
    }
  }
});

test("the limits are named in the descriptions as they are drawn", () => {
  const panel = (uid: Parameters<typeof boardOf>[0], id: string) =>
    boardOf(uid, { ...defaults, thresholds: overridden }).panel(id).description;
  expect(panel("redisops-dedup", "bloom-canaries")).toContain("21 %");
  expect(panel("redisops-dedup", "bloom-false-positives")).toContain("3.25 times");
  expect(panel("redisops-postgres", "postgres-used")).toContain("51 %");
});

test("each panel links to the runbook page of every mode that it serves", () => {
  const read = new Map(allBoards().map((each) => [each.board.uid, each]));
  let links = 0;
  for (const { uid, panel: spec } of specifiedPanels()) {
    const served = servedModes(spec);
    links += served.length;
    expect(
      read
        .get(uid)
        ?.panel(spec.id)
        .links?.map(({ url }) => url),
      `${uid}: ${spec.id}`,
    ).toEqual(served.map((mode) => `https://runbooks.example/pages/${mode.id}.md`));
  }
  expect(links).toBeGreaterThan(300);
});

test("a panel on two boards is the same on both", () => {
  const seen = new Map<string, string>();
  for (const { uid, panel } of specifiedPanels()) {
    const content = JSON.stringify({ ...panel, width: 0, height: 0 });
    expect(content, `${panel.id} on ${uid}`).toBe(seen.get(panel.id) ?? content);
    seen.set(panel.id, content);
  }
});

test("a role’s part of a panel reads that role alone", () => {
  const parts = specifiedPanels().flatMap(({ panel }) =>
    panel.kind !== "text" && panel.narrows !== undefined ? [{ panel, role: panel.narrows.role }] : [],
  );
  expect(parts.length).toBeGreaterThan(80);
  for (const { panel, role } of parts) {
    for (const { expression } of panel.queries) {
      const selectors = [...expression.matchAll(/\bredisops[_:][a-z_:]+(\{[^}]*\})?/g)];
      expect(selectors.length).toBeGreaterThan(0);
      for (const [text] of selectors) expect(text, panel.id).toContain(`role="${role}"`);
    }
  }
});

test("every Redis role’s board says what its fallback decides, and what its loss would mean", () => {
  for (const role of redisRoles) {
    const uid = specifiedPanels().find(({ panel }) => panel.id === `if-it-dies-${dashed(role)}`)?.uid;
    if (uid === undefined) throw new Error(`no board has the consequences of ${role}`);
    const { panel } = boardOf(uid);
    expect(panel(`decisions-by-fallback-${dashed(role)}`).targets?.length).toBeGreaterThan(1);
    expect(panel(`if-it-dies-${dashed(role)}`).targets?.length).toBeGreaterThan(1);
    expect(panel(`modes-${dashed(role)}`).targets?.length).toBe(
      modes.filter((mode) => mode.role === role || mode.role === "any").length,
    );
  }
});

test("the timeline has a row for each mode, linked to its page and its board", () => {
  const { targets = [], fieldConfig } = boardOf("redisops-overview").panel("modes");
  const shown = targets.map(({ legendFormat }) => legendFormat.replace(/^.*: /, ""));
  expect([...shown].sort()).toEqual(modes.map(({ id }) => id).sort());
  for (const [index, { refId }] of targets.entries()) {
    const mode = modes.find(({ id }) => id === shown[index]);
    const override = fieldConfig?.overrides[index];
    expect(override?.matcher.options).toBe(refId);
    expect(override?.properties).toMatchObject([
      {
        id: "links",
        value: [
          { url: `https://runbooks.example/pages/${mode?.id}.md`, targetBlank: true },
          { url: `/d/${mode?.board}?\${__url_time_range}&\${__all_variables}` },
        ],
      },
    ]);
  }
});

test("the exporters that are shown are those whose absence pages", () => {
  const { signal } = ExporterDown;
  const [target] = boardOf("redisops-exporter").panel("exporter-up").targets ?? [];
  const job = /up\{(job="[^"]*")\}/.exec(signal.kind === "promql" ? signal.value : "")?.[1];
  expect(target?.expr).toContain(`up{${job},`);
});
