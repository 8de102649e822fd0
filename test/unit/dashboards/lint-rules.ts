import * as units from "@grafana/grafana-foundation-sdk/units";
import type { Board, BoardPanel } from "./board.ts";

/** What a rule finds wrong with a board, a line for each. */
export type Rule = (board: Board) => string[];

const queried = (board: Board) => board.panels.filter(({ type }) => type !== "row" && type !== "text");
const targets = (board: Board) =>
  queried(board).flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })));
const perPanel =
  (
    panels: (board: Board) => readonly BoardPanel[],
    wrong: (panel: BoardPanel) => boolean,
    words: string,
  ): Rule =>
  (board) =>
    panels(board).flatMap((panel) => (wrong(panel) ? [`${panel.title}: ${words}`] : []));

/** The series of ALERTS have no such label, and recorded series are sums over processes; both are exceptions with that reason. */
const exempt = /^(?:ALERTS|redisops:)/;

function withoutMatcher(label: string): Rule {
  const matcher = `${label}=~"$${label}"`;
  return (board) =>
    targets(board).flatMap(({ panel, target }) => {
      const selectors = [
        ...target.expr.matchAll(/\b(redisops_[a-z_]+|redisops:[a-z_:]+|up(?=\{)|ALERTS)\b(\{[^}]*\})?/g),
      ];
      if (selectors.length === 0) return [`${panel.title}: no series in ${target.expr}`];
      return selectors.flatMap(([text, name = "", matchers = ""]) =>
        exempt.test(name) || matchers.includes(matcher) ? [] : [`${panel.title}: no ${matcher} in ${text}`],
      );
    });
}

function templated(name: string): Rule {
  return ({ templating }) => {
    const found = templating.list.find((each) => each.name === name);
    if (found === undefined) return [`no variable ${name}`];
    const { type, label, multi, includeAll, allValue, datasource } = found;
    const right =
      type === "query" &&
      label.toLowerCase() === name &&
      multi === true &&
      includeAll === true &&
      allValue === ".+" &&
      datasource?.uid === "$datasource";
    return right ? [] : [`the variable ${name} cannot be chosen as it should`];
  };
}

const knownUnits = new Set<unknown>(Object.values(units));

/** Whether a panel's unit, or that of one of its queries, is missing or unknown to Grafana. */
function hasUnknownUnit({ fieldConfig }: BoardPanel): boolean {
  const ofQueries = (fieldConfig?.overrides ?? []).flatMap(({ properties }) =>
    properties.flatMap(({ id, value }) => (id === "unit" ? [value] : [])),
  );
  return [fieldConfig?.defaults.unit, ...ofQueries].some((unit) => !knownUnits.has(unit));
}

/**
 * The rules of Grafana's dashboard-linter by their names there, and our own. Its rules for Loki have nothing to look at here,
 * its rule for PromQL is Prometheus's own parser (test/integration/dashboards-promql.test.ts), and its rule for rates has an
 * exception, the alerts' own windows (lint.test.ts). It skips state timelines; these rules do not.
 */
export const lintRules: Readonly<Record<string, Rule>> = {
  "template-datasource-rule": ({ templating }) => {
    const [first] = templating.list;
    const right =
      first?.type === "datasource" &&
      first.name === "datasource" &&
      first.label === "Data source" &&
      first.query === "prometheus";
    return right ? [] : ["no data source can be chosen"];
  },
  "template-job-rule": templated("job"),
  "template-instance-rule": templated("instance"),
  "template-label-promql-rule": ({ templating }) =>
    templating.list
      .filter(({ type }) => type === "query")
      .flatMap(({ name, definition = "" }) =>
        /^label_values\(\{.+\}, \w+\)$/.test(definition) ? [] : [`${name}: ${definition}`],
      ),
  "template-on-time-change-reload-rule": ({ templating }) =>
    templating.list.flatMap(({ type, name, refresh }) =>
      type === "query" && refresh !== 2 ? [`${name} does not follow the time range`] : [],
    ),
  "template-uneditable-rule": ({ editable }) => (editable ? ["the board can be edited"] : []),
  "panel-datasource-rule": (board) => [
    ...perPanel(
      queried,
      ({ datasource }) => datasource?.uid !== "$datasource",
      "a data source of its own",
    )(board),
    ...targets(board).flatMap(({ panel, target }) =>
      target.datasource.uid === "$datasource"
        ? []
        : [`${panel.title}: a query with a data source of its own`],
    ),
  ],
  "panel-title-description-rule": perPanel(
    ({ panels }) => panels.filter(({ type }) => type !== "row"),
    ({ title, description = "" }) => title === "" || description.length <= 40,
    "no title, or no description",
  ),
  "panel-units-rule": perPanel(queried, hasUnknownUnit, "no unit, or one that Grafana does not know"),
  "panel-no-targets-rule": perPanel(queried, ({ targets: own = [] }) => own.length === 0, "no query"),
  "target-job-rule": withoutMatcher("job"),
  "target-instance-rule": withoutMatcher("instance"),
  "target-counter-agg-rule": (board) =>
    targets(board).flatMap(({ panel, target }) =>
      [...target.expr.matchAll(/(\w+\()?\bredisops_[a-z_]+_total\b(?:\{[^}]*\})?(\[)?/g)].flatMap(
        ([text, call = "", range = ""]) =>
          /^(?:rate|irate|increase)\($/.test(call) && range === "[" ? [] : [`${panel.title}: ${text}`],
      ),
    ),
  // Ours.
  "normal-is-told": perPanel(
    queried,
    ({ description = "" }) => !/\*\*Normal:\*\* \S/.test(description),
    "what is normal is not told",
  ),
  "emptiness-is-explained": perPanel(
    queried,
    ({ fieldConfig }) => (fieldConfig?.defaults.noValue?.length ?? 0) <= 20,
    "nothing explains why it is empty",
  ),
  "legend-and-tooltip-are-chosen": perPanel(
    (board) => queried(board).filter(({ type }) => type !== "stat"),
    ({ options }) => {
      const { legend, tooltip } = (options ?? {}) as {
        legend?: { showLegend?: boolean; placement?: string };
        tooltip?: { mode?: string };
      };
      return legend?.showLegend !== true || legend.placement !== "bottom" || tooltip?.mode !== "multi";
    },
    "legend or tooltip as they come",
  ),
  "queries-have-references-and-legends": perPanel(
    queried,
    ({ targets: own = [] }) =>
      new Set(own.map(({ refId }) => refId)).size !== own.length ||
      own.some(({ refId, legendFormat }) => !/^[A-Z]{1,2}$/.test(refId) || legendFormat === ""),
    "a query without reference or legend",
  ),
  "titles-and-numbers-are-unique": ({ panels }) =>
    (["id", "title"] as const).flatMap((key) => {
      const values = panels.map((panel) => panel[key]);
      return values.flatMap((value, index) =>
        values.indexOf(value) === index ? [] : [`${key} ${value} twice`],
      );
    }),
  "within-the-grid-without-holes": ({ panels }) => {
    const taken = new Map<string, string>();
    const wrong: string[] = [];
    for (const { title, gridPos } of panels) {
      if (gridPos.w <= 0 || gridPos.x + gridPos.w > 24) wrong.push(`${title}: outside of the grid`);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          const other = taken.get(`${x},${y}`);
          if (other !== undefined) wrong.push(`${title}: on top of ${other}`);
          taken.set(`${x},${y}`, title);
        }
      }
    }
    const height = Math.max(0, ...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    return taken.size === 24 * height ? wrong : [...wrong, "the board has holes"];
  },
  "no-data-source-by-uid": (board) => {
    const uids = [...JSON.stringify(board).matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid);
    return uids.flatMap((uid) => (uid === "$datasource" || uid === board.uid ? [] : [`uid ${uid}`]));
  },
  "boards-are-linked-with-time-and-variables": ({ uid, links }) => {
    const dropdown = links.find(({ type }) => type === "dashboards");
    const overview = links.find(({ url }) => url === "/d/redisops-overview");
    const carries = (link: (typeof links)[number] | undefined) =>
      link?.keepTime === true && link.includeVars === true;
    return [
      ...(carries(dropdown) && dropdown?.tags?.includes("redisops") ? [] : ["no way to the other boards"]),
      ...(uid === "redisops-overview" || carries(overview) ? [] : ["no way to the overview"]),
      ...(JSON.stringify(links).includes("inControlsMenu") ? ["links are out of sight"] : []),
    ];
  },
  "annotated-with-what-happens": ({ annotations }) =>
    ["Firing pages", "Failovers", "Recoveries", "Drills"].filter(
      (name) => !annotations.list.some((each) => each.name === name && each.datasource.uid === "$datasource"),
    ),
};
