import type { DegradationMode, DiagnosisStep } from "../catalog/mode.ts";
import { bullets, codeBlock, inlineCode, numbered } from "./markdown.ts";
import { prose } from "./prose.ts";

/** What a command prints in the mode's state; nothing where the mode does not say. */
function shownBlocks(lines: readonly string[] | undefined, indent = ""): string[] {
  if (lines === undefined || lines.length === 0) return [];
  const among = `${indent}In this state it prints, among other lines (${inlineCode("…")} differs from run to run):`;
  return [among, codeBlock("text", lines.join("\n"), indent)];
}

function decideStep(step: DiagnosisStep, index: number, self: string): string {
  const marker = `${index + 1}.`;
  const indent = " ".repeat(marker.length + 1);
  const branches = step.branches.map(
    ({ observed, conclusion }) => `**${prose(observed, self)}**: ${prose(conclusion, self)}`,
  );
  return [
    `${marker} Run this:`,
    codeBlock("sh", step.command, indent),
    ...shownBlocks(step.shows, indent),
    bullets(branches, indent),
  ].join("\n\n");
}

/** The numbered steps of the Decide section: a command, what it prints, and what follows from what is seen. */
export function decideBlocks(mode: DegradationMode): string[] {
  return mode.diagnosis.map((step, index) => decideStep(step, index, mode.id));
}

function watch({ role }: DegradationMode): string {
  const flag = role === "self" || role === "any" ? "" : ` --role ${role}`;
  return codeBlock("sh", `redisops status --watch${flag}`);
}

/** The Recover section: the plan and the run with what they print, or what to do where there is no command. */
export function recoverBlocks(mode: DegradationMode): string[] {
  const { remedy } = mode;
  if (remedy.kind === "none") {
    return [
      numbered(prose(remedy.instead, mode.id)),
      "Keep this running meanwhile, to see the state change:",
      watch(mode),
    ];
  }
  return [
    ...(remedy.first === undefined ? [] : [prose(remedy.first, mode.id)]),
    "Read the plan first. It changes nothing and exits 2:",
    codeBlock("sh", remedy.command),
    ...shownBlocks(remedy.planShows),
    "Then act. Progress, rate and the expected end are printed while it runs:",
    codeBlock("sh", `${remedy.command} --execute`),
    ...shownBlocks(remedy.executeShows),
  ];
}
