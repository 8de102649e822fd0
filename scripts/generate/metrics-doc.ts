import { errorClasses } from "../../catalog/error-class.ts";
import { type LabelName, labelMeanings, type MetricDefinition, metrics } from "../../catalog/metrics.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { recordedSeries } from "../../catalog/recorded-series.ts";
import { roles, roleTitles } from "../../catalog/roles.ts";
import type { Signal } from "../../catalog/signal.ts";
import { type SloId, slos } from "../../catalog/slos.ts";
import { codeBlock, inlineCode, page, table } from "../../runbooks/markdown.ts";
import { metricsNamedIn } from "../../runbooks/prose.ts";

/** What a label can hold: its list of values where the catalog has one. */
const labelValues: Partial<Record<LabelName, string>> = {
  role: roles.map((role) => `${inlineCode(role)} (${roleTitles[role]})`).join(", "),
  error_class: errorClasses.map(inlineCode).join(", "),
};

const reporters: Readonly<Record<MetricDefinition["emitter"], string>> = {
  exporter: "`redisops exporter`",
  application: "applications (`redisops/fallbacks` does it for them)",
  both: "`redisops exporter` for its own probes, applications for their traffic",
};

const sloText = (slo: SloId) => `${slos[slo].bad} ${slos[slo].all}`;

/** The metrics that a signal reads. */
function metricsOf(signal: Signal): string[] {
  if (signal.kind !== "threshold") {
    const text = signal.kind === "promql" ? `${signal.value} ${signal.and ?? ""}` : sloText(signal.slo);
    return Object.keys(metrics).filter((name) => new RegExp(`\\b${name}(?![a-z])`).test(text));
  }
  const own = [signal.measure.metric, ...(signal.over === undefined ? [] : [signal.over.metric])];
  return [...own, ...[signal.and, signal.or].flatMap((more) => (more === undefined ? [] : metricsOf(more)))];
}

/** How the alerts combine the series of several processes that report the same metric. */
function combination(name: string, modes: readonly DegradationMode[]): string {
  const visit = (signal: Signal): string[] => {
    if (signal.kind !== "threshold") return [];
    const reads = signal.measure.metric === name || signal.over?.metric === name;
    const others = [signal.and, signal.or].flatMap((more) => (more === undefined ? [] : visit(more)));
    return [...(reads ? [signal.aggregate] : []), ...others];
  };
  return [...new Set(modes.flatMap((mode) => visit(mode.signal)))].join(", ");
}

const proves = (mode: DegradationMode, name: string) =>
  metricsNamedIn(mode.remedy.proof).some((reference) => reference.replace(/\{.*/, "") === name);

const links = (modes: readonly DegradationMode[]) =>
  modes.map((mode) => `[${mode.id}](../runbooks/${mode.id}.md)`).join(", ");

function section(name: string, definition: MetricDefinition, modes: readonly DegradationMode[]): string[] {
  const users = modes.filter((mode) => metricsOf(mode.signal).includes(name));
  const proved = modes.filter((mode) => proves(mode, name));
  const how = combination(name, modes);
  return [
    `### ${name}`,
    definition.help,
    [
      `- Type: ${definition.type}${definition.buckets === undefined ? "" : `, buckets up to ${definition.buckets.join(", ")}`}`,
      `- Reported by: ${reporters[definition.emitter]}`,
      `- Labels: ${definition.labels.length === 0 ? "none" : definition.labels.map(inlineCode).join(", ")}`,
      users.length === 0
        ? "- Alerts: none reads it; boards and `redisops status` show it."
        : `- Alerts: ${links(users)}${how === "" ? "" : ` (the ${how} over all processes that report it)`}`,
      ...(proved.length === 0 ? [] : [`- Proves recovery from: ${links(proved)}`]),
    ].join("\n"),
  ];
}

function example(): string {
  return codeBlock(
    "text",
    [
      `# HELP redisops_provider_requests_total ${metrics.redisops_provider_requests_total.help}`,
      "# TYPE redisops_provider_requests_total counter",
      'redisops_provider_requests_total{role="token_bucket",provider="twilio",account="main"} 81234',
    ].join("\n"),
  );
}

/** docs/metrics.md: the contract that an exporter or an application in any language implements. */
export function renderMetricsDoc(modes: readonly DegradationMode[]): string {
  const labels = Object.entries(labelMeanings).map(([name, meaning]) => [
    inlineCode(name),
    labelValues[name as LabelName] ?? meaning,
  ]);
  const sections = Object.entries(metrics).flatMap(([name, definition]) => section(name, definition, modes));
  return page([
    "<!-- Generated from catalog/metrics.ts. Edit that, then run npm run generate. -->",
    "# Metrics",
    "Alerts, boards and commands are written on these metrics, on what the generated rules record from them, and on nothing else. `redisops exporter` reports them; an application in any language may report the same ones and is then covered by the same alerts.",
    "## Rules",
    [
      "- Report a metric under exactly this name, with exactly these labels. More labels, or other values, split the series that the alerts combine.",
      "- A label’s values are few and known beforehand. Never put a user, a key or an error’s text into a label, and an address into none but `node`.",
      "- Seconds and bytes without prefixes; a ratio lies between 0 and 1; a timestamp is in seconds since 1970.",
      "- A counter starts at 0 as soon as its labels are known, so that its first increase is seen, and never goes down but by a restart.",
      "- What could not be measured is left out. A 0 is a measurement.",
    ].join("\n"),
    "In Prometheus’ text format:",
    example(),
    "## Labels",
    table(["Label", "Values"], labels),
    "## All metrics",
    ...sections,
    "## Recorded series",
    "Prometheus derives these by the generated rules (`alerts/rules/redisops.rules.yml`); nobody reports them.",
    table(
      ["Series", "Labels", "Meaning"],
      Object.entries(recordedSeries).map(([name, { labels: own, help }]) => [
        inlineCode(name),
        own.map(inlineCode).join(", "),
        help,
      ]),
    ),
  ]);
}
