import { formatDuration } from "../../core/duration.ts";
import type { HeldMode } from "../../exporters/status.ts";
import { styled } from "../output.ts";
import { type ShownRow, stateStyle } from "../status-table.ts";
import type { RoleRate } from "./rates.ts";

/** What the live view shows. */
export interface WatchState {
  readonly platform: string;
  readonly rows: readonly ShownRow[];
  readonly rates: ReadonlyMap<string, RoleRate>;
  /** Recoveries and drills, a fact each. */
  readonly underWay: readonly string[];
  /** Why something is not known. */
  readonly warnings: readonly string[];
  /** When the rows were seen, in milliseconds since 1970. */
  readonly at: number;
  /** How long the next look is under way already, in milliseconds; undefined between two looks. */
  readonly looking: number | undefined;
}

interface Line {
  readonly where: string;
  readonly state: string;
  /** The mode, since when it holds, and the rates. */
  readonly cells: readonly string[];
}

const head = ["ROLE", "STATE", "MODE", "SINCE", "RATE", "FALLBACK"];
/** Longer names of accounts are cut. */
const whereColumns = 20;
/** A look that takes longer than this is told, in milliseconds. */
const longLook = 1_000;

const cut = (text: string, columns: number) =>
  text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;

/** What a row is about: its role, or for an account provider/account. */
const nameOf = ({ role, target }: Pick<ShownRow, "role" | "target">) =>
  role === "token_bucket" && /^[^\s:]+\/[^\s:]+$/.test(target) ? target : role;

function rateCells({ decisions, degraded, commands }: RoleRate = {}): [string, string] {
  const perSecond = (value: number) =>
    value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
  if (decisions !== undefined) {
    return [`${perSecond(decisions)}/s`, degraded ? `${Number((degraded * 100).toFixed(1))} %` : "-"];
  }
  return [commands === undefined ? "-" : `${perSecond(commands)} cmd/s`, "-"];
}

function linesOf({ rows, rates, at }: WatchState): Line[] {
  return rows.flatMap((row) => {
    const where = cut(nameOf(row), whereColumns);
    const rate = rateCells(where === row.role ? rates.get(row.role) : undefined);
    const since = ({ since: from }: HeldMode) =>
      from === undefined ? "-" : formatDuration(at - Date.parse(from));
    if (row.modes.length === 0) return [{ where, state: row.state, cells: ["-", "-", ...rate] }];
    return row.modes.map((mode, index) =>
      index === 0
        ? { where, state: row.state, cells: [mode.id, since(mode), ...rate] }
        : { where: "", state: "", cells: [mode.id, since(mode), "", ""] },
    );
  });
}

/** The table, cut at the right where the terminal is narrow: the rates go before the modes do. */
function table(lines: readonly Line[], columns: number): string[] {
  const all = [{ where: head[0] ?? "", state: head[1] ?? "", cells: head.slice(2) }, ...lines];
  const widest = (texts: readonly string[]) => Math.max(...texts.map(({ length }) => length));
  const where = widest(all.map((line) => line.where));
  const state = widest(all.map((line) => line.state));
  const widths = head.slice(2).map((_, index) => widest(all.map(({ cells }) => cells[index] ?? "")));
  const room = columns - where - state - 4;
  return all.map((line, index) => {
    const rest = line.cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    const shown = line.state.padEnd(state);
    const style = index === 0 || line.state === "" ? undefined : stateStyle(line.state);
    const cells = `${line.where.padEnd(where)}  ${style === undefined ? shown : styled(style, shown)}  `;
    return `${cells}${cut(rest.trimEnd(), room)}`.trimEnd();
  });
}

/** Words on lines of a width, indented; what does not fit on two lines is left out. */
function wrapped(text: string, columns: number): string[] {
  const width = Math.max(20, columns - 2);
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${lines.length === 0 ? "  " : "    "}${word}`);
  }
  const [first = "", second, ...others] = lines;
  if (second === undefined) return [first];
  return [first, others.length === 0 ? second : `${second} …`];
}

/** What to do about the modes that hold, worst first, each once. A command stays whole, so that it can be copied. */
function nextSteps(rows: readonly ShownRow[], flags: string, columns: number): string[] {
  const steps = new Map<string, readonly string[]>();
  for (const { modes } of rows) {
    for (const { id, command, instead, runbook } of modes) {
      if (command !== undefined) steps.set(command, [`  ${command}${flags}`]);
      else steps.set(id, wrapped(`${id}: ${instead ?? runbook}`, columns));
    }
  }
  const errors = rows.flatMap((row) =>
    row.modes.length > 0 ? [] : row.errors.map(({ code, next }) => `${code}: ${next}`),
  );
  return [...[...steps.values()].flat(), ...[...new Set(errors)].flatMap((text) => wrapped(text, columns))];
}

/** The lines of the live view; no more than `height`. `flags` are added to the commands. */
export function watchView(
  state: WatchState,
  flags: string,
  interval: number,
  { columns, height }: { readonly columns: number; readonly height: number },
): string[] {
  const looking =
    state.looking !== undefined && state.looking >= longLook
      ? `  looking for ${formatDuration(state.looking)}`
      : "";
  const time = `${new Date(state.at).toISOString().slice(11, 19)}Z`;
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ["", styled("bold", title), ...lines];
  const lines = [
    cut(`${state.platform}  ${time}  every ${formatDuration(interval)}, q quits${looking}`, columns),
    "",
    ...table(linesOf(state), columns),
    ...section(
      "Under way",
      state.underWay.map((fact) => cut(`  ${fact}`, columns)),
    ),
    ...section("Next", nextSteps(state.rows, flags, columns)),
    ...(state.warnings.length === 0
      ? []
      : ["", ...state.warnings.map((warning) => cut(`warning: ${warning}`, columns))]),
  ];
  if (lines.length <= height) return lines;
  const kept = lines.slice(0, Math.max(1, height - 1));
  return [...kept, `… ${lines.length - kept.length} more lines: redisops status has all`];
}

/** One line about a look, for a file or another program. */
export function watchLine(state: WatchState): string {
  const troubled = state.rows.filter((row) => row.state !== "ok");
  const parts = troubled.map((row) => {
    const modes = row.modes.map(({ id, command }) => (command === undefined ? id : `${id} (${command})`));
    return `${nameOf(row)} ${row.state}${modes.length === 0 ? "" : `: ${modes.join(", ")}`}`;
  });
  const fine = state.rows.length - troubled.length;
  const all = [...parts, ...(fine > 0 ? [`${fine} ok`] : []), ...state.underWay, ...state.warnings];
  return `${new Date(state.at).toISOString()}  ${all.join("; ")}`;
}
