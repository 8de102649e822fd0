import type { DegradationMode } from "../../catalog/mode.ts";

/** Pages that stand for no mode, with what they are. */
const otherPages: Readonly<Record<string, string>> = { "README.md": "the table of all pages" };

/** Differences between the modes and the runbook pages, in both directions. */
export function pageGaps(modes: readonly DegradationMode[], pages: ReadonlyMap<string, string>): string[] {
  const ids = new Set(modes.map(({ id }) => id));
  return [
    ...modes
      .filter(({ id, title }) => !pages.get(`${id}.md`)?.includes(`\n# ${id}: ${title}\n`))
      .map(({ id }) => `${id}: no runbook page runbooks/${id}.md with its title; run npm run generate`),
    ...[...pages.keys()]
      .filter((name) => !(name in otherPages) && !ids.has(name.replace(/\.md$/, "")))
      .map((name) => `runbooks/${name}: this page belongs to no mode in catalog/modes; remove it`),
  ];
}
