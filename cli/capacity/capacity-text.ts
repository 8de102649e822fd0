import type { CapacityReport } from "../../operations/capacity/capacity-report.ts";
import type { Failure } from "../../operations/capacity/failure.ts";
import { type Figure, figureDefinition, figureNames } from "../../operations/capacity/figures.ts";
import { figureWords, numberWords, simulatedWords, valueWords } from "../../operations/capacity/words.ts";
import { styled } from "../output.ts";
import { columns } from "../table.ts";

/** Columns that a text of the last column has, so that a line has 120 at most. */
const formulaWidth = 34;
const whatWidth = 34;

/** Breaks a text between words into lines of so many characters at most, a longer word apart. */
function wrapped(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

const shortHow = ({ from, how }: Figure) => (from === "live" && how.includes("(") ? "by Prometheus" : how);

function failureLines({ title, modes, rows, missing, notes, experiments }: Failure): string[] {
  const heading = `${styled("bold", title)}: ${modes.join(", ")}`;
  if (missing.length > 0) return [heading, `  not known without ${missing.join(", ")}`, ""];
  const cells = rows.map((row) => [
    wrapped(row.what, whatWidth),
    valueWords(row),
    simulatedWords(row),
    wrapped(`${row.formula} (${row.source})`, formulaWidth),
  ]);
  return [
    heading,
    ...columns(["WHAT IT DOES", "BY FORMULA", "SIMULATED", "FORMULA"], cells).map((line) =>
      `  ${line}`.trimEnd(),
    ),
    ...notes.flatMap((text) =>
      wrapped(text, 116)
        .split("\n")
        .map((line) => `  ${line}`),
    ),
    ...experiments.map(({ scale }) => `  simulated: ${scale}`),
    "",
  ];
}

function figureLines({ figures }: CapacityReport): string[] {
  const rows = figureNames.flatMap((name) => {
    const figure = figures.values[name];
    return figure === undefined
      ? []
      : [[name, figureWords(name, figure.value), figure.from, wrapped(shortHow(figure), 56)]];
  });
  const providers = figures.providers.map(({ provider, load, limits }) => [
    `sent through ${provider}`,
    `${numberWords(load.value)}/s of ${limits.map(numberWords).join(" + ")}`,
    load.from,
    wrapped(shortHow(load), 56),
  ]);
  return columns(["STARTS FROM", "VALUE", "FROM", "HOW"], [...rows, ...providers]);
}

/** The report as lines of at most 120 columns. */
export function capacityText(report: CapacityReport): string[] {
  const unknown = figureNames.filter((name) => report.failures.some(({ missing }) => missing.includes(name)));
  return [
    ...report.failures.flatMap(failureLines),
    ...figureLines(report),
    ...(unknown.length === 0
      ? []
      : [
          "",
          "Nobody said:",
          ...unknown.map((name) => {
            const key = figureDefinition(name).declared?.key;
            return `  ${name} (${figureDefinition(name).what}): ${key === undefined ? "" : `${key} in redisops.yaml, or `}--set ${name}=...`;
          }),
        ]),
  ];
}
