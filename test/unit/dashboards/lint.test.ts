import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { signalValuePromql } from "../../../core/signal/promql.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { buildDashboards } from "../../../dashboards/build.ts";
import { boardMatchers } from "../../../dashboards/series.ts";
import { defaults, overview } from "./board.ts";

const { built, text, board, dataPanels, panel: panelOf } = overview();
const targets = dataPanels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })));

test("the overview has its name and is built the same way twice", () => {
  expect(built.fileName).toBe("redisops-overview.json");
  expect(board).toMatchObject({ uid: "redisops-overview", title: "redisops / Overview", editable: false });
  expect(JSON.stringify(buildDashboards(defaults)[0]?.json)).toBe(text);
  expect(built.json).toEqual(board);
});

test("every panel has a number and a title of its own", () => {
  for (const key of ["id", "title"] as const) {
    const values = board.panels.map((panel) => panel[key]);
    expect(new Set(values).size).toBe(values.length);
  }
  expect(board.panels.every(({ id }) => Number.isInteger(id) && id > 0)).toBe(true);
});

test("panels stay within the grid and do not overlap", () => {
  const taken = new Map<string, string>();
  for (const { title, gridPos } of board.panels) {
    expect(gridPos.w, title).toBeGreaterThan(0);
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.get(`${x},${y}`), title).toBeUndefined();
        taken.set(`${x},${y}`, title);
      }
    }
  }
  const height = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  expect(taken.size, "the board has holes").toBe(24 * height);
});

test("every panel says what it means and what is normal", () => {
  const described = board.panels.filter(({ type }) => type !== "row");
  for (const { title, description } of described) expect(description?.length, title).toBeGreaterThan(40);
  for (const { title, description } of dataPanels) expect(description, title).toContain("**Normal:**");
});

test("every panel that draws data has a unit, an explanation of emptiness, and a chosen legend and tooltip", () => {
  expect(dataPanels.length).toBeGreaterThan(15);
  for (const { title, type, fieldConfig, options } of dataPanels) {
    expect(fieldConfig?.defaults.unit, title).toBeTruthy();
    expect(fieldConfig?.defaults.noValue?.length, title).toBeGreaterThan(20);
    if (type === "stat") continue;
    expect(options?.legend, title).toMatchObject({ showLegend: true, placement: "bottom" });
    expect(options?.tooltip, title).toMatchObject({ mode: "multi" });
  }
});

test("every query goes to the data source that the reader chooses", () => {
  for (const { panel, target } of targets) {
    expect(panel.datasource, panel.title).toEqual({ type: "prometheus", uid: "$datasource" });
    expect(target.datasource.uid, panel.title).toBe("$datasource");
  }
  for (const { datasource } of board.annotations.list) expect(datasource.uid).toBe("$datasource");
  const uids = [...text.matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid);
  expect(new Set(uids)).toEqual(new Set(["$datasource", "redisops-overview"]));
});

test("every query has a reference and a legend", () => {
  for (const { title, targets: own = [] } of dataPanels) {
    expect(own.length, title).toBeGreaterThan(0);
    expect(
      own.map(({ refId }) => refId),
      title,
    ).toEqual(own.map((_, index) => String.fromCharCode(65 + index)));
    for (const { legendFormat } of own) expect(legendFormat, title).toBeTruthy();
  }
});

test("variables can be chosen and follow the time range", () => {
  const [datasource, ...queried] = board.templating.list;
  expect(datasource).toMatchObject({
    type: "datasource",
    name: "datasource",
    label: "Data source",
    query: "prometheus",
  });
  expect(queried.map(({ name, label }) => [name, label])).toEqual([
    ["job", "Job"],
    ["instance", "Instance"],
  ]);
  for (const variable of queried) {
    expect(variable).toMatchObject({
      type: "query",
      refresh: 2,
      multi: true,
      includeAll: true,
      allValue: ".+",
    });
    expect(variable.datasource?.uid).toBe("$datasource");
  }
});

test("every selector follows the variables, except those of ALERTS and of what is recorded over all processes", () => {
  for (const { panel, target } of targets) {
    const selectors = [
      ...target.expr.matchAll(/\b(redisops_[a-z_]+|redisops:[a-z_:]+|up|ALERTS)\b(\{[^}]*\})?/g),
    ];
    expect(selectors.length, panel.title).toBeGreaterThan(0);
    for (const [text, metric, matchers] of selectors) {
      if (metric === "ALERTS" || metric?.startsWith("redisops:")) continue;
      for (const matcher of boardMatchers)
        expect(matchers ?? "", `${panel.title}: ${text}`).toContain(matcher);
    }
  }
});

test("rates follow the resolution of the graph, except where an alert’s own window is drawn", () => {
  const drawnSignals = modes.flatMap((mode) =>
    mode.signal.kind === "threshold"
      ? [signalValuePromql(mode.signal, effectiveThresholds(mode), boardMatchers)]
      : [],
  );
  let rates = 0;
  for (const { panel, target } of targets) {
    if (drawnSignals.includes(target.expr)) continue;
    for (const [, window] of target.expr.matchAll(/\brate\([^[]*\[([^\]]*)\]/g)) {
      expect(window, panel.title).toBe("$__rate_interval");
      rates += 1;
    }
  }
  expect(rates).toBeGreaterThan(0);
});

test("links and annotations are placed in sight", () => {
  expect(text).not.toContain("inControlsMenu");
  expect(board.links.map(({ url }) => url)).toEqual([defaults.runbookBaseUrl]);
  expect(board.annotations.list.map(({ expr }) => expr).join()).toContain('severity="page"');
});

test("a series on the right axis is not judged by the limits of the left one", () => {
  const [override] = panelOf("bloom-canaries").fieldConfig?.overrides ?? [];
  expect(override?.matcher.options).toBe("B");
  expect(override?.properties).toContainEqual({ id: "custom.axisPlacement", value: "right" });
  expect(override?.properties).toContainEqual({ id: "custom.thresholdsStyle", value: { mode: "off" } });
});
