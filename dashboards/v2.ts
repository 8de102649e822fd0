import {
  type AnnotationQueryKind,
  type Dashboard,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkType,
  type DataQueryKind,
  type Element,
  type GridLayoutKind,
  manifest,
  type RowsLayoutRowKind,
  VariableHide,
  type VariableKind,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboardv2";

type Json = Readonly<Record<string, unknown>>;

interface ClassicTarget extends Json {
  readonly refId: string;
}

interface ClassicPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly links?: readonly { readonly title: string; readonly url: string; readonly targetBlank: boolean }[];
  readonly options?: Json;
  readonly fieldConfig?: VizFields;
  readonly targets?: readonly ClassicTarget[];
}

type VizFields = Extract<Element, { kind: "Panel" }>["spec"]["vizConfig"]["spec"]["fieldConfig"];

interface ClassicVariable {
  readonly type: string;
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly query: unknown;
  readonly definition?: string;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
  readonly allowCustomValue: boolean;
  readonly skipUrlSync: boolean;
  readonly current?: { readonly text: string[]; readonly value: string[] };
}

interface ClassicAnnotation extends Json {
  readonly name: string;
  readonly enable: boolean;
  readonly hide: boolean;
  readonly iconColor: string;
  readonly expr: string;
}

/** What is read of a board in the classic schema. */
interface ClassicBoard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: string[];
  readonly editable: boolean;
  readonly timezone: string;
  readonly fiscalYearStartMonth: number;
  readonly time: { readonly from: string; readonly to: string };
  readonly refresh: string;
  readonly panels: readonly ClassicPanel[];
  readonly templating: { readonly list: readonly ClassicVariable[] };
  readonly annotations: { readonly list: readonly ClassicAnnotation[] };
  readonly links: readonly (Omit<DashboardLink, "type"> & { readonly type: string })[];
}

/** The version of the Prometheus query in the v2 schema, as the SDK’s own builders write it. */
const queryVersion = "v0";

/** The refresh intervals that Grafana offers by itself. */
const refreshIntervals = ["5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d"];

const prometheus = (spec: Json): DataQueryKind => ({
  kind: "DataQuery",
  group: "prometheus",
  version: queryVersion,
  datasource: { name: "$datasource" },
  spec,
});

function element(panel: ClassicPanel): Element {
  const { id, title, description, links = [], type, options = {}, fieldConfig, targets = [] } = panel;
  return {
    kind: "Panel",
    spec: {
      id,
      title,
      ...(description !== undefined && { description }),
      links: links.map(({ title: name, url, targetBlank }) => ({ title: name, url, targetBlank })),
      data: {
        kind: "QueryGroup",
        spec: {
          queries: targets.map(({ refId, datasource: _, ...spec }) => ({
            kind: "PanelQuery",
            spec: { refId, hidden: false, query: prometheus(spec) },
          })),
          transformations: [],
          queryOptions: {},
        },
      },
      vizConfig: {
        kind: "VizConfig",
        group: type,
        version: "",
        spec: { options, fieldConfig: fieldConfig ?? { defaults: {}, overrides: [] } },
      },
    },
  };
}

const elementName = ({ id }: ClassicPanel) => `panel-${id}`;

function grid(panels: readonly ClassicPanel[], top: number): GridLayoutKind {
  return {
    kind: "GridLayout",
    spec: {
      items: panels.map((panel) => ({
        kind: "GridLayoutItem",
        spec: {
          x: panel.gridPos.x,
          y: panel.gridPos.y - top,
          width: panel.gridPos.w,
          height: panel.gridPos.h,
          element: { kind: "ElementReference", name: elementName(panel) },
        },
      })),
    },
  };
}

/** Headings with the panels below them; the panels before the first heading are a row without one. */
function rows(panels: readonly ClassicPanel[]): RowsLayoutRowKind[] {
  const starts = panels.flatMap(({ type }, index) => (type === "row" ? [index] : []));
  const firstStart = starts[0] ?? panels.length;
  const headless: RowsLayoutRowKind[] =
    firstStart === 0
      ? []
      : [
          {
            kind: "RowsLayoutRow",
            spec: {
              title: "",
              hideHeader: true,
              collapse: false,
              layout: grid(panels.slice(0, firstStart), 0),
            },
          },
        ];
  return [
    ...headless,
    ...starts.map((start, index): RowsLayoutRowKind => {
      const heading = panels[start];
      const top = (heading?.gridPos.y ?? 0) + (heading?.gridPos.h ?? 0);
      return {
        kind: "RowsLayoutRow",
        spec: {
          title: heading?.title ?? "",
          collapse: false,
          layout: grid(panels.slice(start + 1, starts[index + 1] ?? panels.length), top),
        },
      };
    }),
  ];
}

function variable(classic: ClassicVariable): VariableKind {
  const common = {
    name: classic.name,
    label: classic.label,
    description: classic.description,
    hide: VariableHide.DontHide,
    skipUrlSync: classic.skipUrlSync,
    multi: classic.multi,
    includeAll: classic.includeAll,
    allowCustomValue: classic.allowCustomValue,
    regex: "",
    options: [],
  };
  if (classic.type === "datasource") {
    return {
      kind: "DatasourceVariable",
      spec: {
        ...common,
        pluginId: String(classic.query),
        refresh: VariableRefresh.OnDashboardLoad,
        current: { text: "", value: "" },
      },
    };
  }
  if (classic.type === "constant") {
    const value = String(classic.query);
    const { name, label, description, skipUrlSync } = common;
    return {
      kind: "ConstantVariable",
      spec: {
        name,
        label,
        description,
        skipUrlSync,
        hide: VariableHide.HideVariable,
        query: value,
        current: { selected: true, text: value, value },
      },
    };
  }
  const { current, definition, allValue } = classic;
  return {
    kind: "QueryVariable",
    spec: {
      ...common,
      refresh: VariableRefresh.OnTimeRangeChanged,
      sort: VariableSort.AlphabeticalAsc,
      query: prometheus(classic.query as Json),
      current: { text: current?.text ?? [], value: current?.value ?? [] },
      ...(definition !== undefined && { definition }),
      ...(allValue !== undefined && { allValue }),
    },
  };
}

function annotation(classic: ClassicAnnotation): AnnotationQueryKind {
  const { name, enable, hide, iconColor, datasource: _, builtIn: __, ...query } = classic;
  return {
    kind: "AnnotationQuery",
    spec: {
      name,
      enable,
      hide,
      iconColor,
      builtIn: false,
      query: prometheus({ refId: "Anno", ...query }),
      // What Grafana’s own conversion keeps here: the formats of titles and texts have no field in v2.
      legacyOptions: query,
    },
  };
}

function spec(board: ClassicBoard): Dashboard {
  const panels = board.panels.filter(({ type }) => type !== "row");
  return {
    title: board.title,
    description: board.description,
    tags: board.tags,
    editable: board.editable,
    cursorSync: DashboardCursorSync.Crosshair,
    preload: false,
    liveNow: false,
    links: board.links.map((link) => ({
      ...link,
      type: link.type === "dashboards" ? DashboardLinkType.Dashboards : DashboardLinkType.Link,
    })),
    timeSettings: {
      timezone: board.timezone,
      from: board.time.from,
      to: board.time.to,
      autoRefresh: board.refresh,
      autoRefreshIntervals: refreshIntervals,
      hideTimepicker: false,
      fiscalYearStartMonth: board.fiscalYearStartMonth,
    },
    variables: board.templating.list.map(variable),
    annotations: board.annotations.list.map(annotation),
    elements: Object.fromEntries(panels.map((panel) => [elementName(panel), element(panel)])),
    layout: { kind: "RowsLayout", spec: { rows: rows(board.panels) } },
  };
}

/**
 * A board as a manifest of Grafana’s v2 schema (`dashboard.grafana.app/v2`), from its classic JSON: the same panels,
 * queries, variables, annotations and places.
 */
export function v2Manifest(classic: Json): Json {
  const board = classic as unknown as ClassicBoard;
  const built = manifest(board.uid, { build: () => spec(board) }).build();
  return JSON.parse(JSON.stringify(built)) as Json;
}
