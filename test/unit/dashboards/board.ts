import { buildDashboards, type DashboardOptions } from "../../../dashboards/build.ts";

interface BoardTarget {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly uid: string };
}

export interface BoardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly links?: readonly { readonly url: string; readonly targetBlank: boolean }[];
  readonly options?: { readonly legend?: unknown; readonly tooltip?: unknown };
  readonly targets?: readonly BoardTarget[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly noValue?: string;
      readonly thresholds?: {
        readonly steps: readonly { readonly value: number | null; readonly color: string }[];
      };
    };
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

/** What the tests read of a board in Grafana's classic schema. */
interface Board {
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly panels: readonly BoardPanel[];
  readonly templating: {
    readonly list: readonly {
      readonly type: string;
      readonly name: string;
      readonly label: string;
      readonly refresh?: number;
      readonly multi?: boolean;
      readonly includeAll?: boolean;
      readonly allValue?: string;
      readonly query: unknown;
      readonly definition?: string;
      readonly datasource?: { readonly uid: string };
    }[];
  };
  readonly annotations: {
    readonly list: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  };
  readonly links: readonly { readonly url: string; readonly placement?: string }[];
}

export const defaults: DashboardOptions = {
  thresholds: {},
  runbookBaseUrl: "https://runbooks.example/pages/",
};

/** Builds the overview as its file would be read, with the panels by the name that the catalog uses. */
export function overview(options: DashboardOptions = defaults) {
  const [built] = buildDashboards(options);
  if (built === undefined) throw new Error("no board was built");
  const text = JSON.stringify(built.json);
  const board = JSON.parse(text) as Board;
  const byNumber = new Map(board.panels.map((panel) => [panel.id, panel]));
  const panel = (id: string): BoardPanel => {
    const found = byNumber.get(built.panels[id] ?? -1);
    if (found === undefined) throw new Error(`the board has no panel ${id}`);
    return found;
  };
  /** Panels that draw data: neither headings nor text. */
  const dataPanels = board.panels.filter(({ type }) => type !== "row" && type !== "text");
  return { built, text, board, panel, dataPanels };
}
