import { formatDuration } from "../core/duration.ts";
import type { HeldMode, StatusRow } from "../exporters/status.ts";
import { print, styled } from "./output.ts";

/** A row with where each of its modes' runbook pages is. */
export interface ShownRow extends StatusRow {
  readonly modes: readonly (HeldMode & { readonly runbook: string })[];
}

/** Longer targets are cut in the table; the paragraph below it has them whole. */
const targetColumns = 28;
/** Where the lines of the paragraphs are broken. */
const lineColumns = 100;

/** The colour of a state. */
export const stateStyle = (state: string) =>
  state === "ok" ? "green" : state === "degraded" ? "yellow" : "red";

const cut = (text: string) => (text.length <= targetColumns ? text : `${text.slice(0, targetColumns - 1)}…`);

const since = (mode: HeldMode, now: number) =>
  mode.since === undefined ? "-" : formatDuration(now - Date.parse(mode.since));

async function printTable(rows: readonly ShownRow[], now: number): Promise<void> {
  const { columns } = await import("./table.ts");
  const lines: string[][] = [];
  for (const { role, target, state, modes } of rows) {
    const cells = [role, cut(target), styled(stateStyle(state), state)];
    if (modes.length === 0) lines.push([...cells, "-", "-", "-"]);
    modes.forEach((mode, index) => {
      const own = index === 0 ? cells : ["", "", ""];
      lines.push([...own, mode.id, since(mode, now), mode.command ?? "(see below)"]);
    });
  }
  const head = ["ROLE", "TARGET", "STATE", "MODE", "SINCE", "COMMAND"];
  for (const line of columns(head, lines)) print(line);
}

/** Puts as many parts on a line as fit. */
function fill(parts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length < lineColumns) {
      lines[lines.length - 1] = `${last} ${part}`;
    } else lines.push(part);
  }
  return lines;
}

/** Prints a sentence; a command in it stays on one line, so that it can be copied. */
function printIndented(text: string, indent: string): void {
  const parts = text.match(/redisops [a-z]+(?: [a-z-]+)?\S*|\S+/g) ?? [];
  for (const line of fill(parts)) print(`${indent}${line}`);
}

function printParagraph({ role, target, observed, modes, errors }: ShownRow, flags: string): void {
  print();
  print(`${styled("bold", role)}  ${target}`);
  const facts = observed.map((fact, index) => (index < observed.length - 1 ? `${fact};` : fact));
  for (const line of fill(facts)) print(`  ${line}`);
  for (const { id, title, command, instead, runbook } of modes) {
    print(`  ${styled("bold", id)}: ${title}`);
    if (command !== undefined) print(`    run: ${command}${flags}`);
    if (instead !== undefined) printIndented(`do: ${instead}`, "    ");
    print(`    runbook: ${runbook}`);
  }
  for (const { code, message, next } of errors) {
    print(`  ${code}: ${message}`);
    printIndented(`next: ${next}`, "    ");
  }
}

/**
 * Prints a line for each role and mode, then what was observed of each role and what to do about it. `flags` are added
 * to the commands to run.
 */
export async function printStatus(rows: readonly ShownRow[], now: number, flags: string): Promise<void> {
  await printTable(rows, now);
  for (const row of rows) {
    if (row.observed.length > 0 || row.errors.length > 0 || row.modes.length > 0) printParagraph(row, flags);
  }
}
