import { errorCodes } from "../../core/error-codes.ts";
import { version } from "../../core/version.ts";
import type { Probe, ProbeResult } from "../probe.ts";

/** How a probe ended when it ran last. */
export type LastResult = Pick<ProbeResult, "seconds" | "error" | "startedAt">;

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text that stands for itself in HTML, also within quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}

const moment = (milliseconds: number) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");

function row(probe: Probe, last: LastResult | undefined): string {
  const outcome =
    last === undefined
      ? "not probed yet"
      : last.error === undefined
        ? "ok"
        : `${last.error.code}: ${last.error.message.replace(/\.?$/, ".")} Next: ${last.error.next}`;
  const when = last === undefined ? "" : `${moment(last.startedAt)}, ${last.seconds.toFixed(3)} s`;
  const query = new URLSearchParams({ target: probe.group, module: probe.name, debug: "true" });
  const cells = [probe.group, probe.name, outcome, when].map((text) => `<td>${escapeHtml(text)}</td>`);
  return `<tr>${cells.join("")}<td><a href="${escapeHtml(`/probe?${query}`)}">debug</a></td></tr>`;
}

/** The page at `/`: what is probed, how it went last, and where everything is. Loads nothing from anywhere. */
export function landingPage(
  probes: readonly Probe[],
  lastOf: (probe: Probe) => LastResult | undefined,
  telemetryPath: string,
): string {
  const links = [telemetryPath, `${telemetryPath}?debug=true`, "/sd", "/-/healthy", "/-/ready"]
    .map((path) => `<li><a href="${escapeHtml(path)}">${escapeHtml(path)}</a></li>`)
    .join("\n");
  const rows = probes.map((probe) => row(probe, lastOf(probe))).join("\n");
  const table =
    probes.length === 0
      ? "<p>redisops.yaml names nothing to probe.</p>"
      : `<table border="1" cellpadding="4">\n<tr><th>target</th><th>probe</th><th>last result</th><th>when</th><th></th></tr>\n${rows}\n</table>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>redisops exporter</title></head>
<body>
<h1>redisops exporter ${escapeHtml(version)}</h1>
<ul>
${links}
</ul>
<h2>Probes</h2>
${table}
<p>Codes are explained in docs/errors.md, metrics in docs/metrics.md.</p>
</body></html>
`;
}

/** What each probe did, with times, its error and the metrics that it gave: the answer to `?debug=true`. */
export function debugPage(
  results: readonly ProbeResult[],
  milliseconds: number,
  metricsPage: string,
): string {
  const blocks = results.map(({ probe, seconds, error, trace, samples, startedAt }) => {
    const outcome =
      error === undefined
        ? `ok after ${seconds.toFixed(4)} s`
        : `failed after ${seconds.toFixed(4)} s: ${error.code}  ${error.message}\n  next: ${error.next ?? errorCodes[error.code].next}`;
    const lines = trace.map((line) => `  ${line}`);
    return [
      `${probe.name} of ${probe.target} at ${probe.address}`,
      `  begun ${new Date(startedAt).toISOString()}, ${samples.length} series, ${outcome}`,
      ...lines,
    ].join("\n");
  });
  return [
    `redisops ${version}: ${results.length} probes, deadline ${(milliseconds / 1000).toFixed(1)} s`,
    ...blocks,
    `Metrics that would have been returned:\n${metricsPage}`,
  ].join("\n\n");
}
