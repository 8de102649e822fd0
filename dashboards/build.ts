import { type DashboardBuilder, RowBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BoardId } from "../catalog/boards.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { boardSpecs } from "./boards.ts";
import { boardFrame } from "./frame.ts";
import { layOut, type Placed } from "./layout.ts";
import type { BoardSpec } from "./panel.ts";
import { panelNumber } from "./panel-number.ts";
import { marked } from "./publishing/mark.ts";
import { sdkPanel } from "./sdk-panel.ts";

export interface DashboardOptions {
  /** Overrides of alert limits, so that the boards draw the same ones. */
  readonly thresholds: ThresholdOverrides;
  /** Where the runbook pages are published. */
  readonly runbookBaseUrl: string;
}

/** A board as Grafana's file provisioning reads it (the classic schema, v1). */
export interface BuiltDashboard {
  readonly uid: BoardId;
  readonly fileName: string;
  /** The file's content: plain JSON, always in the same order. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Panels by the name that the catalog's modes use, with the number that Grafana knows them by. */
  readonly panels: Readonly<Record<string, number>>;
}

function assertUnique(placed: readonly Placed[]): void {
  const owners = new Map<number, string>();
  for (const each of placed) {
    const id = each.kind === "heading" ? each.id : each.panel.id;
    const owner = owners.get(panelNumber(id));
    if (owner !== undefined)
      throw new Error(`Panels ${owner} and ${id} have the same number: rename one of them`);
    owners.set(panelNumber(id), id);
  }
}

function addAll(board: DashboardBuilder, placed: readonly Placed[], runbookBaseUrl: string): void {
  for (const each of placed) {
    if (each.kind === "panel") {
      board.withPanel(sdkPanel(each.panel, each.at, runbookBaseUrl));
    } else {
      board.withRow(new RowBuilder(each.title).id(panelNumber(each.id)).gridPos({ ...each.at }));
    }
  }
}

/** A board as plain JSON. The SDK places links and annotations in a menu out of sight unless told; that is undone here. */
function toJson(board: DashboardBuilder): Record<string, unknown> {
  return JSON.parse(JSON.stringify(board.build()), (key, value: unknown) =>
    key === "placement" && value === "inControlsMenu" ? undefined : value,
  );
}

function buildBoard(spec: BoardSpec, runbookBaseUrl: string): BuiltDashboard {
  const placed = layOut(spec.rows);
  assertUnique(placed);
  const board = boardFrame(spec, runbookBaseUrl);
  addAll(board, placed, runbookBaseUrl);
  const panels = Object.fromEntries(
    placed.flatMap((each) => (each.kind === "panel" ? [[each.panel.id, panelNumber(each.panel.id)]] : [])),
  );
  return { uid: spec.uid, fileName: `${spec.uid}.json`, json: marked(toJson(board)), panels };
}

/** Builds all boards. The same options give the same content. */
export function buildDashboards({ thresholds, runbookBaseUrl }: DashboardOptions): BuiltDashboard[] {
  return boardSpecs(thresholds).map((spec) => buildBoard(spec, runbookBaseUrl));
}
