import type { AlertScenario, DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import { signalPromql } from "../core/signal/promql.ts";
import type { EffectiveThresholds } from "../core/signal/thresholds.ts";
import { bullets, codeBlock, inlineCode } from "./markdown.ts";
import { prose } from "./prose.ts";

const links = (ids: readonly string[]) => ids.map((id) => `[${id}](${id}.md)`).join(", ");

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
    mode.nature === "heartbeat" || scenario.expect.some(({ firing }) => firing.includes(mode.id));
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
      : `While it fires it silences ${links(mode.inhibits)}, its consequences in the same role.`;
  const silenced =
    silencedBy.length === 0
      ? "No other alert silences it."
      : `It is silenced while ${links(silencedBy)} fires.`;
  return `${silences} ${silenced}`;
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
    `The alert’s condition; it fires once this has held for ${thresholds.for ?? mode.thresholds.for.value}:`,
    codeBlock("promql", signalPromql(mode.signal, thresholds)),
    ...(mode.signal.kind === "promql"
      ? [`Decided by Prometheus alone: ${prose(mode.signal.reason, mode.id)}`]
      : []),
    "Its thresholds, by the key in `redisops.yaml` that overrides each:",
    thresholdList(mode, thresholds),
    `**Normal:** ${prose(mode.normal, mode.id)}`,
    `**How often it fires:** ${prose(mode.frequency, mode.id)}`,
    `**Where the behaviour comes from:** ${prose(mode.origin, mode.id)}`,
    `**Relations:** ${relations(mode)}`,
    "**Rehearsed** in `alerts/tests/redisops.test.yml`:",
    scenarioList(mode),
    silence,
  ];
}
