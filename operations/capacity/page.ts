import { lineChart } from "../../core/chart/line-chart.ts";
import { escapeHtml } from "../../core/escape-html.ts";
import { style } from "../../runbooks/site-assets.ts";
import type { CapacityReport } from "./capacity-report.ts";
import type { Failure } from "./failure.ts";
import { figureDefinition, figureNames } from "./figures.ts";
import { figureWords, simulatedWords, valueWords } from "./words.ts";

const own = `body { max-width: 66rem; } section { margin-top: 2.5rem; } figure { margin: 1rem 0; overflow-x: auto; }
figure svg { min-width: 40rem; max-width: 100%; height: auto; display: block; } td.number { white-space: nowrap; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } section { break-inside: avoid; } figure { overflow: visible; } figure svg { min-width: 0; } }`;

const cell = (text: string, kind = "") =>
  `<td${kind === "" ? "" : ` class="${kind}"`}>${escapeHtml(text)}</td>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const titles = head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join("");
  const lines = rows.map((cells) => `<tr>${cells.join("")}</tr>`).join("\n");
  return `<div class="scroll"><table>\n<thead><tr>${titles}</tr></thead>\n<tbody>${lines}</tbody>\n</table></div>`;
}

function figuresTable({ figures }: CapacityReport): string {
  const rows = figureNames.flatMap((name) => {
    const figure = figures.values[name];
    return figure === undefined
      ? []
      : [
          [
            cell(figureDefinition(name).what),
            cell(figureWords(name, figure.value), "number"),
            cell(figure.from),
            cell(figure.how),
          ],
        ];
  });
  const providers = figures.providers.map(({ provider, load, limits }) => [
    cell(`sent through ${provider}, whose accounts grant ${limits.join(" + ")}/s`),
    cell(`${load.value.toLocaleString("en-US")}/s`, "number"),
    cell(load.from),
    cell(load.how),
  ]);
  return table(["figure", "value", "from", "how"], [...rows, ...providers]);
}

function section({ id, title, modes, rows, experiments, missing, notes }: Failure): string {
  const lines = rows.map((row) => [
    cell(row.what),
    cell(valueWords(row), "number"),
    cell(simulatedWords(row), "number"),
    cell(row.formula),
    cell(row.source),
  ]);
  return [
    `<section id="${escapeHtml(id)}">`,
    `<h2>${escapeHtml(title)}</h2>`,
    `<p class="dim">Shows as ${escapeHtml(modes.join(", "))}</p>`,
    missing.length === 0
      ? table(["what it does", "by formula", "simulated", "formula", "whose"], lines)
      : `<p>Not known without ${escapeHtml(missing.join(", "))}.</p>`,
    ...notes.map((note) => `<p>${escapeHtml(note)}</p>`),
    ...experiments.map(
      ({ plot, scale, seed }) =>
        `<figure>${lineChart(plot)}<figcaption class="dim">Simulated: ${escapeHtml(scale)}; --seed=${seed}</figcaption></figure>`,
    ),
    "</section>",
  ].join("\n");
}

/**
 * The report as one HTML page. It needs no script and nothing from elsewhere, follows the reader’s light or dark scheme,
 * and prints.
 */
export function capacityPage(report: CapacityReport): string {
  const title = `Capacity of ${report.platform}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>
${style}
${own}
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="dim">What each failure would do, by formula and by simulation (--seed=${report.seed}). A formula that says “at least” or “at most” is a bound.</p>
${report.failures.map(section).join("\n")}
<section id="figures">
<h2>What this starts from</h2>
${figuresTable(report)}
</section>
</body>
</html>
`;
}
