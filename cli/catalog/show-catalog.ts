import { modes } from "../../catalog/modes.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { recoveryCommands } from "../../recovery/options.ts";
import { readVerified } from "../../runbooks/verified.ts";
import { hasLab, labFaults } from "../lab-module.ts";
import { aligned, print, printJson, styled } from "../output.ts";
import { findMode } from "../runbook/find-mode.ts";
import { committedFiles } from "./committed-files.ts";
import { type Column, type MatrixRow, type MatrixSources, matrixRow, withoutMode } from "./matrix.ts";

/** What each column is read from, printed with the matrix. */
const derivedFrom: Readonly<Record<Column, string>> = {
  metrics: "the mode’s signal, held against the metric contract",
  panels: "dashboards/dist",
  alert: "alerts/rules/redisops.rules.yml",
  alertTests: "the mode’s scenarios, from which alerts/tests is generated (in a checkout)",
  runbook: "runbooks/",
  recovery: "the mode’s remedy, held against redisops recover",
  drill: "the mode’s drill, held against the faults of redisops lab inject (in a checkout)",
  verified: "runbooks/verified.json, written by the test that runs every page on the lab",
};

function cellsOf(row: MatrixRow): Readonly<Record<Column, string>> {
  const { recovery, drill, verified } = row;
  return {
    metrics: String(row.metrics.length),
    panels: `${row.panels.length} on ${row.boards.length}`,
    alert: [...new Set(row.alert)].join("+") || "-",
    alertTests: String(row.alertTests.assertions),
    runbook: row.runbook === null ? "-" : "yes",
    recovery: recovery.command?.replace(/^redisops recover /, "") ?? (recovery.reason ? "reason" : "-"),
    drill: drill.inject.map((words) => words.split(" ")[0]).join("+") || (drill.reason ? "reason" : "-"),
    verified:
      verified.state === "verified" ? `${verified.commands} commands` : verified.state.replace("_", " "),
  };
}

const titles: Readonly<Record<Column, string>> = {
  metrics: "METRICS",
  panels: "PANELS ON BOARDS",
  alert: "ALERT",
  alertTests: "TESTED",
  runbook: "PAGE",
  recovery: "RECOVERY",
  drill: "DRILL",
  verified: "VERIFIED",
};
const columns = Object.keys(titles) as Column[];

function printMatrix(rows: readonly MatrixRow[]): void {
  const mark = (row: MatrixRow, column: Column, text: string) =>
    row.gaps.some((gap) => gap.column === column) ? `!${text}` : text;
  const table = rows.map((row) => {
    const cells = cellsOf(row);
    return columns.map((column) => mark(row, column, cells[column]));
  });
  const first = Math.max(4, ...rows.map(({ mode }) => mode.length));
  const widths = columns.map((column, at) =>
    Math.max(titles[column].length, ...table.map((row) => row[at]?.length ?? 0)),
  );
  const line = (mode: string, cells: readonly string[]) =>
    [
      mode.padEnd(first),
      ...cells.map((cell, at) => {
        const padded = cell.padEnd(widths[at] ?? 0);
        return cell.startsWith("!") ? styled("red", padded) : padded;
      }),
    ]
      .join("  ")
      .trimEnd();
  print(
    styled(
      "dim",
      line(
        "MODE",
        columns.map((column) => titles[column]),
      ),
    ),
  );
  rows.forEach((row, at) => {
    print(line(row.mode, table[at] ?? []));
  });
}

function printMode(row: MatrixRow): void {
  const { commands, versions } = row.verified;
  print(styled("bold", row.mode));
  const facts = [
    { label: "role", value: `${row.role}, ${row.severity}` },
    { label: "metrics", value: row.metrics.join(", ") || "none" },
    { label: "panels", value: row.panels.join(", ") || "none" },
    { label: "boards", value: row.boards.join(", ") || "none" },
    { label: "alert", value: row.alert.join(", ") || "none" },
    {
      label: "tested",
      value: `${row.alertTests.assertions} assertions in ${row.alertTests.scenarios} scenarios`,
    },
    { label: "page", value: row.runbook ?? "none" },
    { label: "recovery", value: row.recovery.command ?? `none: ${row.recovery.reason}` },
    {
      label: "drill",
      value:
        row.drill.inject.map((words) => `redisops lab inject ${words}`).join("; ") ||
        `none: ${row.drill.reason}`,
    },
    {
      label: "verified",
      value: [
        row.verified.state.replace("_", " "),
        ...(commands === undefined ? [] : [`${commands} commands`]),
        ...Object.entries(versions ?? {}).map(([name, version]) => `${name} ${version}`),
      ].join(", "),
    },
  ];
  for (const line of aligned(facts)) print(line);
}

/** `redisops catalog`: the matrix, and what is missing in it. Exits 1 when something is. */
export async function showCatalog({
  mode: name,
  json,
}: {
  readonly mode: string | undefined;
  readonly json: boolean;
}): Promise<number> {
  const sources: MatrixSources = {
    files: committedFiles(),
    recoveries: Object.keys(recoveryCommands),
    faults: hasLab ? Object.keys(labFaults()) : undefined,
    verified: readVerified(),
  };
  const wanted = name === undefined ? modes : [await findMode(name)];
  const rows = wanted.map((mode) => matrixRow(mode, sources));
  const others = name === undefined ? withoutMode(modes, sources) : [];
  const gaps = [
    ...rows.flatMap(({ mode, gaps: own }) => own.map(({ what }) => `${mode}: ${what}`)),
    ...others,
  ];
  if (json) printJson({ closed: gaps.length === 0, modes: rows, withoutMode: others, derivedFrom });
  else {
    const [only] = rows;
    if (name !== undefined && only !== undefined) printMode(only);
    else printMatrix(rows);
    print();
    if (gaps.length === 0)
      print(
        styled(
          "green",
          `Closed: ${rows.length === 1 ? "nothing is missing" : `${rows.length} modes, nothing is missing`}.`,
        ),
      );
    else {
      print(styled("red", `${gaps.length} missing:`));
      for (const gap of gaps) print(`  ${gap}`);
    }
  }
  return gaps.length === 0 ? exitCodes.done : exitCodes.failed;
}
