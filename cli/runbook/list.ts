import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { modeRoleTitles } from "../../catalog/roles.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { searchModes } from "../../runbooks/search.ts";
import { print, printJson, styled } from "../output.ts";
import { described } from "./show.ts";

/** Columns of a line where stdout is no terminal. */
const lineColumns = 120;

/** Below this many columns a mode has several lines: beside its name nothing of its title could be read. */
const narrowColumns = 90;

const severityStyle = { page: "red", ticket: "yellow", none: "dim" } as const;

/** A severity as the lists name it: a budget that burns slowly is a ticket of the same name. */
const severityOf = ({ severity, signal }: DegradationMode) =>
  signal.kind === "burn-rate" ? "page/ticket" : severity;

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(1, columns - 1))}…`;
}

/** The part of a text that begins shortly before the first of the words in it. */
function excerpt(text: string, words: readonly string[], columns: number): string {
  const at = Math.max(
    0,
    Math.min(...words.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0)),
  );
  const from =
    Number.isFinite(at) && text.length > columns ? text.lastIndexOf(" ", Math.max(0, at - 20)) + 1 : 0;
  return cut(from === 0 ? text : `…${text.slice(from)}`, columns);
}

/** `redisops runbook list`: every mode under its role, worst first. */
export function list({ json }: { readonly json: boolean }): number {
  if (json) {
    printJson({ modes: modes.map(described) });
    return exitCodes.done;
  }
  const width = process.stdout.columns ?? lineColumns;
  const idColumns = Math.max(...modes.map(({ id }) => id.length));
  const severityColumns = Math.max(...modes.map((mode) => severityOf(mode).length));
  const roles = [...new Set(modes.map(({ role }) => role))];
  roles.forEach((role, index) => {
    if (index > 0) print();
    print(styled("bold", modeRoleTitles[role]));
    for (const mode of modes.filter((each) => each.role === role)) {
      const command = mode.remedy.kind === "command" ? `  ${mode.remedy.command}` : "";
      const left = width - 6 - idColumns - severityColumns - command.length;
      const severity = styled(severityStyle[mode.severity], severityOf(mode).padEnd(severityColumns));
      if (width < narrowColumns) {
        print(`  ${mode.id.padEnd(idColumns)}  ${styled(severityStyle[mode.severity], severityOf(mode))}`);
        for (const line of [mode.title, command.trim()].filter(Boolean)) print(`    ${cut(line, width - 4)}`);
        continue;
      }
      print(
        `  ${mode.id.padEnd(idColumns)}  ${severity}  ${cut(mode.title, left)}${styled("cyan", command)}`,
      );
    }
  });
  print();
  print("redisops runbook show <mode> prints a page, redisops status shows which modes hold now.");
  return exitCodes.done;
}

/** `redisops runbook search`: modes that mention the words, best first. Exits 1 when there is none. */
export function search(words: readonly string[], { json }: { readonly json: boolean }): number {
  const query = words.join(" ");
  const found = searchModes(modes, query);
  if (json) {
    printJson({
      query,
      modes: found.map(({ mode, score, words: mentioned, best }) => ({
        ...described(mode),
        score: Number(score.toFixed(2)),
        words: mentioned,
        found: best,
      })),
    });
  } else if (found.length === 0) print(`No mode mentions ${query}.`);
  else {
    const width = process.stdout.columns ?? lineColumns;
    const idColumns = Math.max(...found.map(({ mode }) => mode.id.length));
    for (const { mode, best, words: mentioned } of found) {
      print(`${styled("bold", mode.id.padEnd(idColumns))}  ${cut(mode.title, width - idColumns - 2)}`);
      if (best.field !== "id" && best.field !== "title" && best.field !== "role")
        print(
          styled(
            "dim",
            `${" ".repeat(idColumns + 2)}${excerpt(best.text.trim(), mentioned, width - idColumns - 2)}`,
          ),
        );
    }
  }
  return found.length === 0 ? exitCodes.failed : exitCodes.done;
}
