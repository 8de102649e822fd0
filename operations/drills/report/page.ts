import { escapeHtml } from "../../../core/escape-html.ts";
import { style } from "../../../runbooks/site-assets.ts";
import type { DrillAlert, DrillResult, DrillRunResult } from "../drill-result.ts";
import { alertLabel, drillPlot } from "./plot.ts";
import { drillFigures, drillTable, drillTotals, drillVerdict, verdictOf } from "./summary.ts";

const own = `body { max-width: 60rem; } section { margin-top: 2.5rem; } figure { margin: 1rem 0; overflow-x: auto; }
figure svg { min-width: 40rem; max-width: 100%; height: auto; display: block; }
.failed { color: var(--page); font-weight: 600; } td.number { text-align: right; white-space: nowrap; }
.totals { font-size: 1.15rem; } dl { display: flex; flex-wrap: wrap; gap: 0.4rem 1.6rem; } dd { margin: 0; } dt { color: var(--dim); font-size: 0.85rem; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } section { break-inside: avoid; } figure { overflow: visible; } figure svg { min-width: 0; } }`;

const cell = (text: string, kind = "") =>
  `<td${kind === "" ? "" : ` class="${kind}"`}>${escapeHtml(text)}</td>`;
const list = (items: readonly string[]) =>
  `<ul>\n${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}\n</ul>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [
    '<div class="scroll"><table>',
    `<thead><tr>${head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join("")}</tr></thead>`,
    `<tbody>${rows.map((cells) => `<tr>${cells.join("")}</tr>`).join("\n")}</tbody>`,
    "</table></div>",
  ].join("\n");
}

const anchor = (index: number) => `drill-${index + 1}`;

function totalsTable(run: DrillRunResult): string {
  const { head, rows } = drillTable(run);
  const shown = rows.map(([name = "", verdict = "", ...figures], index) => [
    `<td><a href="#${anchor(index)}">${escapeHtml(name)}</a></td>`,
    cell(verdict, run.drills[index]?.passed === true ? "" : "failed"),
    ...figures.map((figure) => cell(figure, "number")),
  ]);
  return table(head, shown);
}

const at = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

function alertCells(alert: DrillAlert): string[] {
  const since = (state: "pending" | "firing") => {
    const span = alert.spans.find((each) => each.state === state);
    return span === undefined ? "–" : at(span.from);
  };
  const over = alert.spans.findLast(({ state }) => state === "firing")?.to;
  const notified =
    alert.notifiedAt === undefined ? (alert.inhibited === true ? "inhibited" : "–") : at(alert.notifiedAt);
  return [
    cell(alertLabel(alert)),
    cell(alert.expected, alert.expected === "unexpected" ? "failed" : ""),
    ...[since("pending"), since("firing"), notified, over === undefined ? "–" : at(over)].map((text) =>
      cell(text, "number"),
    ),
  ];
}

function clockNote({ clocks }: DrillResult): string {
  const shortened = clocks.filter(({ catalogFor, drillFor }) => catalogFor !== drillFor);
  if (shortened.length === 0) return "";
  const words = shortened.map(
    ({ mode, catalogFor, drillFor }) => `${mode} waits ${drillFor} s here and ${catalogFor} s in production`,
  );
  return `<p class="dim">Time to detect is on the drill’s clocks: ${escapeHtml(words.join("; "))}.</p>`;
}

function drillSection(result: DrillResult, index: number): string {
  const figures = drillFigures.map(
    ({ head, of }) => `<div><dt>${head}</dt><dd>${escapeHtml(of(result))}</dd></div>`,
  );
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `<section id="${anchor(index)}">`,
    `<h2>${escapeHtml(result.modes.join(", "))} <span class="${result.passed ? "dim" : "failed"}">${verdictOf(result)}</span></h2>`,
    `<p>${escapeHtml(result.drill)}, from ${escapeHtml(result.startedAt)}</p>`,
    ...(result.problems.length === 0 ? [] : [`<h3>Problems</h3>`, list(result.problems)]),
    `<figure>${drillPlot(result)}</figure>`,
    `<dl>${figures.join("")}</dl>`,
    clockNote(result),
    ...(result.alerts.length === 0
      ? []
      : [
          "<h3>Alerts</h3>",
          table(
            ["alert", "expected", "pending at", "firing at", "notified at", "fired until"],
            result.alerts.map(alertCells),
          ),
        ]),
    "<h3>What happened</h3>",
    table(
      ["at", "phase", "what"],
      result.events.map((event) => [cell(at(event.at), "number"), cell(event.phase), cell(event.what)]),
    ),
    ...(versions.length === 0 ? [] : [`<p class="dim">On ${escapeHtml(versions.join(", "))}</p>`]),
    "</section>",
  ].join("\n");
}

/**
 * A run of drills as one HTML page: the totals on top, then each drill with its plot, alerts and events. It needs no
 * script and nothing from elsewhere, follows the reader’s light or dark scheme, and prints.
 */
export function drillReportPage(run: DrillRunResult): string {
  const failed = run.drills.some(({ passed }) => !passed) || run.interrupted;
  const totals = drillTotals(run);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Drills on ${escapeHtml(run.target)}, ${escapeHtml(run.startedAt)}</title>
<style>
${style}
${own}
</style>
</head>
<body>
<h1>Drills on ${escapeHtml(run.target)}</h1>
<p class="totals"><span class="${failed ? "failed" : ""}">${escapeHtml(drillVerdict(run))}</span></p>
${totals === "" ? "" : `<p class="totals">${escapeHtml(totals)}</p>\n`}<p class="dim">Begun ${escapeHtml(run.startedAt)}; the same order again with --seed=${run.seed}; journal ${escapeHtml(run.journal)}</p>
${totalsTable(run)}
${run.drills.map(drillSection).join("\n")}
</body>
</html>
`;
}
