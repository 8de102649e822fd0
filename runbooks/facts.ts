import type { AlertScenario, DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import type { BurnRateSignal } from "../catalog/signal.ts";
import { burnRates, type Slo, slos } from "../catalog/slos.ts";
import { type EffectiveThresholds, thresholdValue } from "../core/signal/thresholds.ts";
import { conditionsOf } from "./conditions.ts";
import { bullets, codeBlock, inlineCode, table } from "./markdown.ts";
import { prose } from "./prose.ts";

const link = (id: string) => `[${id}](${id}.md)`;

/** Links to pages: `A, B and C`, or with another word before the last one. */
function links(ids: readonly string[], word: "and" | "or"): string {
  const last = ids.slice(-1).map(link).join("");
  const others = ids.slice(0, -1).map(link).join(", ");
  return others === "" ? last : `${others} ${word} ${last}`;
}

/** Reasons are written with and without a full stop. */
const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);

function thresholdList(mode: DegradationMode, thresholds: EffectiveThresholds): string {
  const items = Object.entries(mode.thresholds).map(([name, threshold]) => {
    const value = String(thresholds[name] ?? threshold.value);
    const overridden = value === String(threshold.value) ? "" : `; the default is ${threshold.value}`;
    const meaning = name === "for" ? "how long it must hold" : threshold.unit.replace("_", " ");
    const key = inlineCode(`thresholds.${mode.id}.${name}`);
    return `${key}: **${value}** (${meaning}${overridden}). ${prose(threshold.reason, mode.id)}`;
  });
  return bullets(items);
}

function scenarioList(mode: DegradationMode): string {
  const fires = (scenario: AlertScenario) =>
    mode.nature === "heartbeat" ||
    scenario.expect.some(({ firing }) =>
      // Of an objective’s budget the severity is named as well: `DeliveryDelayBudgetBurn:page`.
      firing.some((name) => name.split(":")[0] === mode.id),
    );
  return bullets(
    mode.scenarios.map(
      (scenario) => `${fires(scenario) ? "fires" : "stays silent"}: ${prose(scenario.name, mode.id)}`,
    ),
  );
}

function relations(mode: DegradationMode): string {
  const silencedBy = modes.filter((other) => other.inhibits.includes(mode.id)).map((other) => other.id);
  const silences =
    mode.inhibits.length === 0
      ? "It silences no other alert."
      : `While it fires it silences its consequences in the same role: ${links(mode.inhibits, "and")}.`;
  const silenced =
    silencedBy.length === 0
      ? "No other alert silences it."
      : `It is silenced while ${links(silencedBy, "or")} fires.`;
  return `${silences} ${silenced}`;
}

/** A share of events as people read it. */
const percent = (ratio: number) => `${Number((ratio * 100).toPrecision(4))} %`;

/** How fast a budget has to burn, and what that is as a share of bad events. */
function burnRateBlocks(mode: DegradationMode, signal: BurnRateSignal, thresholds: EffectiveThresholds) {
  const { events }: Slo = slos[signal.slo];
  const objective = Number(thresholdValue(thresholds, signal.objective));
  const rows = burnRates.map(({ severity, long, short, factor }) => [
    severity,
    `${long} and ${short}`,
    `${factor} times`,
    `more than ${percent((1 - objective) * factor)} bad`,
  ]);
  return [
    `**Objective:** ${percent(objective)} of events are good over 30 days. ${prose(events, mode.id)} It fires when, in both windows of a line, the budget of ${percent(1 - objective)} burns that much faster than it lasts, and the long window had more than ${thresholdValue(thresholds, signal.minRate)} events a second:`,
    table(["Severity", "Windows", "Burn rate", "That is"], rows),
  ];
}

function conditionBlocks(mode: DegradationMode, thresholds: EffectiveThresholds): string[] {
  const after = String(thresholds.for ?? mode.thresholds.for.value);
  const held = after === "0s" ? "it fires as soon as this holds" : `it fires once this has held for ${after}`;
  const conditions = conditionsOf(mode, thresholds);
  return conditions.flatMap(({ severity, promql }) => [
    conditions.length === 1
      ? `The alert’s condition; ${held}:`
      : `The condition with the severity ${inlineCode(severity)}; ${held}:`,
    codeBlock("promql", promql),
  ]);
}

function silenceCommand(mode: DegradationMode): string {
  return codeBlock(
    "sh",
    `amtool silence add --alertmanager.url=http://127.0.0.1:9093 --duration=1h --comment="who, and why" alertname=${mode.id}`,
  );
}

/** The blocks of the Facts section: what a reader needs who asks why the alert is as it is. */
export function factsBlocks(mode: DegradationMode, thresholds: EffectiveThresholds): string[] {
  const silence =
    mode.nature === "heartbeat"
      ? "Never silence it: silence is what it warns of."
      : `To silence it while you work (put in your Alertmanager’s address):\n\n${silenceCommand(mode)}`;
  return [
    ...(mode.signal.kind === "burn-rate" ? burnRateBlocks(mode, mode.signal, thresholds) : []),
    ...conditionBlocks(mode, thresholds),
    ...(mode.signal.kind !== "threshold"
      ? [`**Decided by Prometheus alone,** because: ${sentence(prose(mode.signal.reason, mode.id))}`]
      : []),
    "Its thresholds, by the key in `redisops.yaml` that overrides each:",
    thresholdList(mode, thresholds),
    `**Normal:** ${prose(mode.normal, mode.id)}`,
    `**How often it fires:** ${prose(mode.frequency, mode.id)}`,
    `**Where the behaviour comes from:** ${prose(mode.origin, mode.id)}`,
    `**Relations:** ${relations(mode)}`,
    "**Tested** in `alerts/tests/redisops.test.yml`:",
    scenarioList(mode),
    silence,
  ];
}
