import { expect, test } from "vitest";
import { boards } from "../../../catalog/boards.ts";
import { modes } from "../../../catalog/modes.ts";
import { buildDashboards } from "../../../dashboards/build.ts";
import { comparedAlternatives, comparedSignal } from "../../../dashboards/drawn-signal.ts";
import { allBoards, type Board, boardOf, defaults } from "./board.ts";
import { lintRules } from "./lint-rules.ts";

const all = allBoards();
const names = Object.keys(lintRules);

test("every board of the catalog is built, under its uid, the same way twice", () => {
  expect(all.map(({ board }) => [board.uid, board.title])).toEqual(
    Object.entries(boards).map(([uid, title]) => [uid, `redisops / ${title}`]),
  );
  expect(all.map(({ built }) => built.fileName)).toEqual(Object.keys(boards).map((uid) => `${uid}.json`));
  expect(buildDashboards(defaults).map(({ json }) => JSON.stringify(json))).toEqual(
    all.map(({ text }) => text),
  );
  for (const { built, board } of all) expect(built.json).toEqual(board);
  expect(all.reduce((sum, { dataPanels }) => sum + dataPanels.length, 0)).toBeGreaterThan(200);
});

test.each(names)("every board obeys %s", (name) => {
  const rule = lintRules[name];
  expect(all.flatMap(({ board }) => (rule?.(board) ?? []).map((wrong) => `${board.uid}: ${wrong}`))).toEqual(
    [],
  );
});

/** The board after a change to its plain JSON. */
function spoilt(change: (board: Record<string, never>) => void): Board {
  const copy = JSON.parse(boardOf("redisops-recoveries").text) as Record<string, never>;
  change(copy);
  return copy as unknown as Board;
}

/** Changes each of which breaks the rule of that name. */
const damages: Readonly<Record<string, (board: never) => void>> = {
  "template-datasource-rule": (board: { templating: { list: { label: string }[] } }) => {
    for (const variable of board.templating.list) variable.label = "ds";
  },
  "template-job-rule": (board: { templating: { list: { name: string }[] } }) => {
    board.templating.list = board.templating.list.filter(({ name }) => name !== "job");
  },
  "template-instance-rule": (board: { templating: { list: { allValue?: string }[] } }) => {
    for (const variable of board.templating.list) variable.allValue = ".*";
  },
  "template-label-promql-rule": (board: { templating: { list: { definition?: string }[] } }) => {
    for (const variable of board.templating.list) variable.definition = "label_values(job)";
  },
  "template-on-time-change-reload-rule": (board: { templating: { list: { refresh?: number }[] } }) => {
    for (const variable of board.templating.list) variable.refresh = 1;
  },
  "template-uneditable-rule": (board: { editable: boolean }) => {
    board.editable = true;
  },
  "panel-datasource-rule": (board: { panels: { datasource?: object }[] }) => {
    for (const panel of board.panels) panel.datasource = { type: "prometheus", uid: "abc" };
  },
  "panel-title-description-rule": (board: { panels: { description?: string }[] }) => {
    for (const panel of board.panels) panel.description = "";
  },
  "panel-units-rule": (board: { panels: { type: string; fieldConfig?: { defaults: object } }[] }) => {
    for (const panel of board.panels)
      if (panel.type === "state-timeline" && panel.fieldConfig) panel.fieldConfig.defaults = {};
  },
  "panel-no-targets-rule": (board: { panels: { targets?: object[] }[] }) => {
    for (const panel of board.panels) panel.targets = [];
  },
  "target-job-rule": (board: { panels: { targets?: { expr: string }[] }[] }) => {
    for (const { targets = [] } of board.panels)
      for (const target of targets) target.expr = target.expr.replaceAll('job=~"$job",', "");
  },
  "target-instance-rule": (board: { panels: { targets?: { expr: string }[] }[] }) => {
    for (const { targets = [] } of board.panels)
      for (const target of targets) target.expr = target.expr.replaceAll('instance=~"$instance"', "");
  },
  "target-counter-agg-rule": (board: { panels: { targets?: { expr: string }[] }[] }) => {
    for (const { targets = [] } of board.panels)
      for (const target of targets)
        target.expr = `sum(${target.expr} or redisops_decisions_total{job=~"$job"})`;
  },
  "normal-is-told": (board: { panels: { description?: string }[] }) => {
    for (const panel of board.panels)
      panel.description = "A description that is long enough, without the rest.";
  },
  "emptiness-is-explained": (board: { panels: { fieldConfig?: { defaults: { noValue?: string } } }[] }) => {
    for (const panel of board.panels) if (panel.fieldConfig) panel.fieldConfig.defaults.noValue = "No data";
  },
  "legend-and-tooltip-are-chosen": (board: { panels: { options?: object }[] }) => {
    for (const panel of board.panels) panel.options = {};
  },
  "queries-have-references-and-legends": (board: { panels: { targets?: { legendFormat: string }[] }[] }) => {
    for (const { targets = [] } of board.panels) for (const target of targets) target.legendFormat = "";
  },
  "titles-and-numbers-are-unique": (board: { panels: { title: string }[] }) => {
    for (const panel of board.panels) panel.title = "Same";
  },
  "within-the-grid-without-holes": (board: { panels: { gridPos: { w: number } }[] }) => {
    for (const { gridPos } of board.panels) gridPos.w -= 1;
  },
  "no-data-source-by-uid": (board: { annotations: { list: { datasource: { uid: string } }[] } }) => {
    for (const { datasource } of board.annotations.list) datasource.uid = "prom";
  },
  "boards-are-linked-with-time-and-variables": (board: { links: { keepTime: boolean }[] }) => {
    for (const link of board.links) link.keepTime = false;
  },
  "annotated-with-what-happens": (board: { annotations: { list: object[] } }) => {
    board.annotations.list.pop();
  },
};

test("every rule finds a board that breaks it", () => {
  expect(Object.keys(damages)).toEqual(names);
  for (const name of names) {
    const damage = damages[name] as (board: Record<string, never>) => void;
    expect(lintRules[name]?.(spoilt(damage)), name).not.toEqual([]);
  }
});

test("rates follow the resolution of the graph, except where an alert’s own window is drawn", () => {
  const drawnSignals = new Set(
    modes.flatMap((mode) => [
      comparedSignal(mode, {})?.expression,
      ...comparedAlternatives(mode, {}).map(({ compared }) => compared.expression),
    ]),
  );
  let rates = 0;
  for (const { dataPanels } of all) {
    for (const { title, targets = [] } of dataPanels) {
      for (const { expr } of targets) {
        if (drawnSignals.has(expr)) continue;
        for (const [, window] of expr.matchAll(/\b(?:rate|increase)\([^[]*\[([^\]]*)\]/g)) {
          expect(window, title).toBe("$__rate_interval");
          rates += 1;
        }
      }
    }
  }
  expect(rates).toBeGreaterThan(50);
});

test("the pages that are marked in every graph are those of the catalog", () => {
  const { board } = boardOf("redisops-topology");
  const pages = board.annotations.list.find(({ name }) => name === "Firing pages")?.expr ?? "";
  for (const { id, severity } of modes)
    expect(new RegExp(`["|]${id}["|]`).test(pages), id).toBe(severity === "page");
  expect(board.links.map(({ url }) => url)).toContain(defaults.runbookBaseUrl);
});

test("a series on the right axis is not judged by the limits of the left one", () => {
  const [override] = boardOf("redisops-dedup").panel("bloom-canaries").fieldConfig?.overrides ?? [];
  expect(override?.matcher.options).toBe("B");
  expect(override?.properties).toContainEqual({ id: "custom.axisPlacement", value: "right" });
  expect(override?.properties).toContainEqual({ id: "custom.thresholdsStyle", value: { mode: "off" } });
});

test("the overview leads to every other board with the time range and the variables", () => {
  const content = boardOf("redisops-overview").panel("purpose").options?.content ?? "";
  for (const uid of Object.keys(boards).slice(1))
    expect(content).toContain(`(/d/${uid}?\${__url_time_range}&\${__all_variables})`);
});
