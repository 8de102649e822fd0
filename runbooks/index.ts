import type { DegradationMode } from "../catalog/mode.ts";
import { modeRoleTitles } from "../catalog/roles.ts";
import { inlineCode, page, table } from "./markdown.ts";
import { prose } from "./prose.ts";
import { severityMeaning } from "./render.ts";

/** The table of all runbook pages, runbooks/README.md. */
export function renderRunbookIndex(modes: readonly DegradationMode[]): string {
  const rows = modes.map((mode) => [
    `[${mode.id}](${mode.id}.md)`,
    modeRoleTitles[mode.role],
    severityMeaning(mode),
    prose(mode.title, mode.id),
    mode.remedy.kind === "command"
      ? inlineCode(mode.remedy.command)
      : `none: ${prose(mode.remedy.instead, mode.id)}`,
  ]);
  return page([
    "<!-- Generated from catalog/modes. Edit those, then run npm run generate. -->",
    "# Runbooks",
    "One page for each alert; the page’s name is the alert’s name. `redisops status` names the modes that hold now, `redisops runbook show BloomCold` prints a page with your platform’s figures in it.",
    table(["Alert", "Role", "Severity", "What it is", "Command"], rows),
  ]);
}
