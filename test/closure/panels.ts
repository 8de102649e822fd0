import type { DegradationMode } from "../../catalog/mode.ts";
import type { BoardSpec, PanelSpec } from "../../dashboards/panel.ts";
import { servedModes } from "../../dashboards/served-modes.ts";

/** Panels that stand for no mode, with why they are there. */
export const withoutMode: Readonly<Record<string, string>> = {
  purpose: "tells how to read the board",
  "dependency-chain": "puts what the modes speak of in the order in which load moves",
  "dependency-load": "says what gives way next, before any mode holds",
  "recoveries-running": "a recovery is what ends a mode",
  "recovery-progress": "a recovery is what ends a mode",
  "recovery-paused": "a run that waits for its target goes on by itself",
  "recovery-duration": "how long the next recovery will take",
  "recovery-last": "which recovery was never rehearsed",
  "drills-running": "a drill is a mode on purpose",
  "connection-events": "how whole the topic is that a lost registry is rebuilt from",
  "preference-capacity-age": "how old the figure is that the panel beside it divides by",
  "bloom-replica-fill": "what the share of absent ids beside it is caused by",
  "node-versions": "which servers there are",
  "node-response": "every server by itself",
  "node-memory": "how near each server is to its limit",
  "node-hit-ratio": "what each server finds",
  "node-commands": "the load of each server",
  "node-clients": "the connections of each server",
  "node-keys": "what each server holds",
  "node-replication-bytes": "what a failover would lose",
  "exporter-configuration-age": "which exporter has missed a reload",
  "exporter-series-dropped": "whether what the boards show is all there is",
  "exporter-scrapes": "whether there are gaps in what the boards show",
  "exporter-scrapes-in-flight": "whether answers take long",
  "exporter-resources": "what the exporters themselves take",
};

const panelsOf = (board: BoardSpec): PanelSpec[] => board.rows.flatMap(({ panels }) => panels);
const baseOf = (panel: PanelSpec) => (panel.kind === "text" ? undefined : panel.narrows?.panel);

/** Differences between the panels that modes name and those of the boards, in both directions. */
export function panelGaps(
  modes: readonly DegradationMode[],
  boards: readonly BoardSpec[],
  exceptions: Readonly<Record<string, string>> = withoutMode,
): string[] {
  const all = new Map(boards.flatMap(panelsOf).map((panel) => [panel.id, panel]));
  const serves = (panel: PanelSpec) => servedModes(panel, modes).length > 0;
  return [
    ...modes.flatMap(({ id, panels, board }) => {
      const file = `catalog/modes/${id}.ts`;
      if (panels.length === 0) return [`${id}: no panel shows it; name one under panels in ${file}`];
      const own = boards.find(({ uid }) => uid === board);
      const shown = own?.rows
        .flatMap((row) => row.panels)
        .some((panel) => panels.includes(panel.id) || panels.includes(baseOf(panel) ?? ""));
      return [
        ...panels
          .filter((panel) => !all.has(panel))
          .map((panel) => `${id}: names the panel ${panel}, which no board in dashboards/ has`),
        ...(shown
          ? []
          : [`${id}: its board ${board} has none of its panels; name one of that board in ${file}`]),
      ];
    }),
    ...[...all.values()].flatMap((panel) =>
      panel.kind === "text"
        ? []
        : (panel.standsFor ?? [])
            .filter((id) => !modes.some((mode) => mode.id === id))
            .map((id) => `${panel.id}: stands for ${id}, which is no mode`),
    ),
    ...[...all.values()]
      .filter(
        (panel) => !serves(panel) && !(panel.id in exceptions) && !((baseOf(panel) ?? "") in exceptions),
      )
      .map(
        ({ id }) =>
          `${id}: no mode names this panel; add it to a mode's panels, or to withoutMode in test/closure/panels.ts`,
      ),
    ...Object.keys(exceptions).flatMap((id) => {
      const panel = all.get(id);
      if (panel === undefined) return [`${id}: in withoutMode, but on no board; remove it there`];
      return serves(panel) ? [`${id}: in withoutMode, although a mode names it; remove it there`] : [];
    }),
  ];
}

/** Panels that are built and not committed, and boards that nothing builds any more. */
export function committedGaps(
  built: Readonly<Record<string, number>>,
  committed: ReadonlySet<number>,
): string[] {
  const numbers = new Set(Object.values(built));
  return [
    ...Object.entries(built)
      .filter(([, number]) => !committed.has(number))
      .map(([panel]) => `${panel}: not on the boards in dashboards/dist; run npm run generate`),
    ...[...committed]
      .filter((number) => !numbers.has(number))
      .map((number) => `panel ${number}: on the boards in dashboards/dist, and nothing builds it`),
  ];
}
