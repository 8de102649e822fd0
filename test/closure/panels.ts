import type { DegradationMode } from "../../catalog/mode.ts";

/** Panels that stand for no mode, with why they are there. */
export const withoutMode: Readonly<Record<string, string>> = {
  purpose: "tells how to read the board",
  decisions: "what the shares beside it are shares of",
  "connection-events": "how whole the topic is that a lost registry is rebuilt from",
};

/** Differences between the panels that modes name and those that are built and committed, in both directions. */
export function panelGaps(
  modes: readonly DegradationMode[],
  built: Readonly<Record<string, number>>,
  committed: ReadonlySet<number>,
): string[] {
  const named = new Set(modes.flatMap(({ panels }) => panels));
  return [
    ...modes
      .filter(({ panels }) => panels.length === 0)
      .map(({ id }) => `${id}: no panel shows it; name one under panels in catalog/modes/${id}.ts`),
    ...modes.flatMap(({ id, panels }) =>
      panels
        .filter((panel) => !(panel in built))
        .map((panel) => `${id}: names the panel ${panel}, which no row in dashboards/overview has`),
    ),
    ...Object.entries(built)
      .filter(([, number]) => !committed.has(number))
      .map(([panel]) => `${panel}: not on the boards in dashboards/dist; run npm run generate`),
    ...Object.keys(built)
      .filter((panel) => !named.has(panel) && !(panel in withoutMode))
      .map(
        (panel) =>
          `${panel}: no mode names this panel; add it to a mode's panels, or to withoutMode in test/closure/panels.ts`,
      ),
  ];
}
