import { canonical, type ProjectedPanel, projection } from "./projection.ts";

type Json = Readonly<Record<string, unknown>>;

/** A panel that a push would add, remove or change; of a change, which parts. */
export interface PanelDifference {
  readonly id: number;
  readonly title: string;
  readonly change: "added" | "removed" | "changed";
  readonly parts: readonly string[];
}

/** What a push would change of a board that Grafana has. */
export interface BoardDifference {
  /** Parts of the board beside its panels, such as `links`. */
  readonly parts: readonly string[];
  readonly panels: readonly PanelDifference[];
}

function changedParts(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter((name) => canonical(before[name]) !== canonical(after[name]));
}

/** Differences between a board as it is and as it would be, panel by panel in the order of the new board. */
export function boardDifference(before: Json, after: Json): BoardDifference {
  const [was, will] = [projection(before), projection(after)];
  const old = new Map(was.panels.map((panel) => [panel.id, panel]));
  const kept = new Set(will.panels.map(({ id }) => id));
  const told = (
    { id, title }: ProjectedPanel,
    change: PanelDifference["change"],
    parts: readonly string[] = [],
  ) => ({ id, title, change, parts }) as const;
  return {
    parts: changedParts(was.board, will.board),
    panels: [
      ...will.panels.flatMap((panel) => {
        const counterpart = old.get(panel.id);
        if (counterpart === undefined) return [told(panel, "added")];
        const parts = [
          ...(counterpart.title === panel.title ? [] : ["title"]),
          ...changedParts(counterpart.parts, panel.parts),
        ];
        return parts.length === 0 ? [] : [told(panel, "changed", parts)];
      }),
      ...was.panels.filter(({ id }) => !kept.has(id)).map((panel) => told(panel, "removed")),
    ],
  };
}
