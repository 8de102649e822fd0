import type { BoardId } from "../catalog/boards.ts";
import type { RedisRole } from "../catalog/roles.ts";

/** What a panel says about itself, whatever it draws. */
interface PanelFrame {
  /** Stable name by which the catalog's modes refer to the panel. */
  readonly id: string;
  readonly title: string;
  /** What it shows, and what follows from an abnormal value. */
  readonly meaning: string;
  /** Grid units: a board is 24 wide. */
  readonly width: number;
  readonly height: number;
}

/** One value and how it is shown. */
export interface PanelState {
  readonly value: number;
  readonly text: string;
  readonly color: string;
}

/** From `from` on a value has this colour; the first step has no lower end. */
export interface ThresholdStep {
  readonly from: number | undefined;
  readonly color: string;
}

/**
 * When a query has series: on a healthy platform with traffic as well, only while one of some modes holds, after
 * something else has happened, or nowhere but on platforms of another kind.
 */
export type Presence =
  | "always"
  | { readonly during: readonly string[] }
  | { readonly after: string }
  | { readonly elsewhere: string };

/** One PromQL expression of a panel. */
export interface PanelQuery {
  readonly expression: string;
  /** Grafana legend format, for example `{{role}}`. */
  readonly legend: string;
  /**
   * `reference` draws a dashed line to compare with, apart from any stack. A unit draws the series on an axis of its
   * own at the right, where the panel's thresholds do not apply.
   */
  readonly drawn?: "reference" | { readonly rightAxisUnit: string };
  /** Id of the mode that the series stands for: its values link to the mode's runbook page. */
  readonly mode?: string;
  /** Where it is not the panel's, in a panel whose values are of several kinds. */
  readonly unit?: string;
  readonly decimals?: number;
  readonly thresholds?: readonly ThresholdStep[];
  /** `always` when left out. */
  readonly present?: Presence;
  /** What a role's servers must have for the series to be there; a role's part of the panel is empty without. */
  readonly needs?: "replicas" | "cluster" | "sentinels";
}

/** A panel that draws metrics. Which modes it serves is said by the modes themselves (`DegradationMode.panels`). */
export interface DataPanel extends PanelFrame {
  /** `stat` shows the present only; the others show the whole time range. */
  readonly kind: "timeseries" | "state-timeline" | "stat";
  /** What a healthy platform shows here. */
  readonly normal: string;
  readonly queries: readonly PanelQuery[];
  /** A unit of Grafana, from the SDK's `units`. */
  readonly unit: string;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  /** Left out where no alert has a limit on what is drawn. */
  readonly thresholds?: readonly ThresholdStep[];
  readonly states?: readonly PanelState[];
  readonly stacked?: boolean;
  /** A logarithmic axis, for values of several orders of magnitude; it shows no 0. */
  readonly logarithmic?: boolean;
  /** Set where the panel is one role's part of another, with which it shares the modes that name that one. */
  readonly narrows?: { readonly panel: string; readonly role: RedisRole };
  /** Ids of modes that the panel stands for by its construction, beside those that name it. */
  readonly standsFor?: readonly string[];
  /** Shown when there is no data: says why that can be. */
  readonly empty: string;
}

/** A panel of Markdown. */
export interface TextPanel extends PanelFrame {
  readonly kind: "text";
  readonly content: string;
}

export type PanelSpec = DataPanel | TextPanel;

/** Panels under a common heading; the first row of a board needs none. */
export interface RowSpec {
  readonly id: string;
  readonly title?: string;
  readonly panels: readonly PanelSpec[];
}

/** A board before it is laid out. */
export interface BoardSpec {
  readonly uid: BoardId;
  /** What the board answers, in a sentence or two. */
  readonly description: string;
  readonly rows: readonly RowSpec[];
}
