import type { BoardId } from "../../../catalog/boards.ts";
import { boardSpecs } from "../../../dashboards/boards.ts";
import { type BuiltDashboard, buildDashboards, type DashboardOptions } from "../../../dashboards/build.ts";

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
  readonly options?: { readonly legend?: unknown; readonly tooltip?: unknown; readonly content?: string };
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
export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
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
      readonly hide?: number;
      readonly skipUrlSync?: boolean;
      readonly query: unknown;
      readonly definition?: string;
      readonly datasource?: { readonly uid: string };
    }[];
  };
  readonly annotations: {
    readonly list: readonly {
      readonly name: string;
      readonly expr: string;
      readonly datasource: { readonly uid: string };
    }[];
  };
  readonly links: readonly {
    readonly title: string;
    readonly type: string;
    readonly url?: string;
    readonly tags?: readonly string[];
    readonly keepTime?: boolean;
    readonly includeVars?: boolean;
    readonly placement?: string;
  }[];
}

export const defaults: DashboardOptions = {
  thresholds: {},
  runbookBaseUrl: "https://runbooks.example/pages/",
};

/** A board as its file would be read, with its panels by the name that the catalog uses. */
export interface ReadBoard {
  readonly built: BuiltDashboard;
  readonly text: string;
  readonly board: Board;
  panel(id: string): BoardPanel;
  /** Panels that draw data: neither headings nor text. */
  readonly dataPanels: readonly BoardPanel[];
}

function read(built: BuiltDashboard): ReadBoard {
  const text = JSON.stringify(built.json);
  const board = JSON.parse(text) as Board;
  const byNumber = new Map(board.panels.map((panel) => [panel.id, panel]));
  const panel = (id: string): BoardPanel => {
    const found = byNumber.get(built.panels[id] ?? -1);
    if (found === undefined) throw new Error(`the board ${board.uid} has no panel ${id}`);
    return found;
  };
  const dataPanels = board.panels.filter(({ type }) => type !== "row" && type !== "text");
  return { built, text, board, panel, dataPanels };
}

const boardsRead = new Map<string, readonly ReadBoard[]>();

/** Builds every board, once for the same options. */
export function allBoards(options: DashboardOptions = defaults): readonly ReadBoard[] {
  const key = JSON.stringify(options);
  const known = boardsRead.get(key) ?? buildDashboards(options).map(read);
  boardsRead.set(key, known);
  return known;
}

/** Builds one board. */
export function boardOf(uid: BoardId, options: DashboardOptions = defaults): ReadBoard {
  const found = allBoards(options).find(({ board }) => board.uid === uid);
  if (found === undefined) throw new Error(`no board ${uid} was built`);
  return found;
}

/** Every panel of every board as it is specified, with its board. */
export function specifiedPanels(thresholds: DashboardOptions["thresholds"] = {}) {
  return boardSpecs(thresholds).flatMap(({ uid, rows }) =>
    rows.flatMap(({ panels }) => panels.map((panel) => ({ uid, panel }))),
  );
}
