import { stringify } from "yaml";
import { healthyScenarios } from "../catalog/healthy-scenarios.ts";
import type { AlertScenario, DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import type { ThresholdSignal } from "../catalog/signal.ts";
import { parseDuration } from "../core/duration.ts";
import { evaluateSignal } from "../core/signal/evaluate.ts";
import { signalPromql } from "../core/signal/promql.ts";
import { effectiveThresholds } from "../core/signal/thresholds.ts";
import { renderRecordingTests } from "./recording-rule-tests.ts";
import { alertSeverities, linkAnnotations, type RuleOptions, ruleLabels } from "./rules.ts";
import { promtoolSeries, type ScenarioSeries, samplesAt, scenarioSeries } from "./scenario-series.ts";

type Moment = AlertScenario["expect"][number];

/** The heartbeat fires in every scenario; the scenarios leave it out. */
const alwaysFiring = "Watchdog";

const minute = 60_000;

/** A moment's entry: the mode's id and, where it has more than one, the severity. */
function firingEntry(entry: string): { id: string; severity: string | undefined } {
  const [id = "", severity] = entry.split(":");
  return { id, severity };
}

const idsFiring = (moment: Moment) => [...new Set(moment.firing.map((entry) => firingEntry(entry).id))];

/** Which alerts fire at that moment: exactly the named ones, of all modes. */
function firingTest(moment: Moment) {
  return {
    expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
    eval_time: moment.at,
    exp_samples: [...idsFiring(moment), alwaysFiring]
      .sort()
      .map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
  };
}

/** With exactly which severities they fire, where a moment says so. */
function severityTests(moment: Moment) {
  const entries = moment.firing
    .map(firingEntry)
    .flatMap(({ id, severity }) => (severity === undefined ? [] : [{ id, severity }]));
  if (entries.length === 0) return [];
  const ids = [...new Set(entries.map(({ id }) => id))].sort();
  return [
    {
      expr: `group by (alertname, severity) (ALERTS{alertstate="firing",alertname=~"${ids.join("|")}"})`,
      eval_time: moment.at,
      exp_samples: entries.map(({ id, severity }) => ({
        labels: `{alertname="${id}", severity="${severity}"}`,
        value: 1,
      })),
    },
  ];
}

/** That what may hold for any role fires for no role that the faults leave alone. */
function roleTests(scenario: AlertScenario, moment: Moment) {
  const ofAnyRole = idsFiring(moment).filter((id) => modes.find((mode) => mode.id === id)?.role === "any");
  if (ofAnyRole.length === 0) return [];
  const faulty = [...new Set(scenario.faults.flatMap(({ labels }) => labels.role ?? []))].sort();
  return [
    {
      expr: `group by (alertname, role) (ALERTS{alertstate="firing",alertname=~"${ofAnyRole.join("|")}",role!~"${faulty.join("|")}"})`,
      eval_time: moment.at,
      exp_samples: [],
    },
  ];
}

/** A signal with its guards and alternatives. */
function partsOf(signal: ThresholdSignal): ThresholdSignal[] {
  return [signal, ...[signal.and, signal.or].flatMap((part) => (part === undefined ? [] : partsOf(part)))];
}

/**
 * Holds PromQL against the local verdict of `redisops status` on the same samples, for the modes that look at a metric
 * that the scenario changes, or for all of them where it changes none. Signals on rates are left out: a single scrape
 * has none.
 */
function agreementTests(scenario: AlertScenario, series: readonly ScenarioSeries[], moment: Moment) {
  const changed = new Set<string>(scenario.faults.map(({ metric }) => metric));
  const samples = samplesAt(series, parseDuration(moment.at) / minute);
  return modes.flatMap(({ id, signal, ...mode }) => {
    if (signal.kind !== "threshold") return [];
    const parts = partsOf(signal);
    if (parts.some(({ rateWindow }) => rateWindow !== undefined)) return [];
    const concerned = parts.some(
      ({ measure, over }) => changed.has(measure.metric) || (over !== undefined && changed.has(over.metric)),
    );
    if (changed.size > 0 && !concerned) return [];
    const thresholds = effectiveThresholds({ id, signal, ...mode });
    const holding = (evaluateSignal(signal, samples, thresholds) ?? []).filter(({ holds }) => holds);
    return [
      {
        expr: `count(${signalPromql(signal, thresholds)}) or vector(0)`,
        eval_time: moment.at,
        exp_samples: [{ labels: "{}", value: holding.length }],
      },
    ];
  });
}

/** The first moment at which the mode's first scenario fires it. Throws where it never does. */
function exampleMoment(mode: DegradationMode): Moment {
  const [first] = mode.scenarios;
  const moment = first?.expect.find((each) => mode.id === alwaysFiring || idsFiring(each).includes(mode.id));
  if (moment === undefined) throw new Error(`The first scenario of ${mode.id} never fires it`);
  return moment;
}

/** The annotation as it is for an alert with these labels. */
const filled = (text: string, labels: Readonly<Record<string, string>>) =>
  text.replace(/\{\{ *\$labels\.(\w+) *\}\}/g, (_, label: string) => labels[label] ?? "");

/** The whole alert, annotations included, at the first moment at which the mode's first scenario fires it. */
function exampleTest(mode: DegradationMode, options: RuleOptions) {
  const moment = exampleMoment(mode);
  const named = moment.firing
    .map(firingEntry)
    .flatMap(({ id, severity }) => (id === mode.id && severity !== undefined ? [severity] : []));
  const severities = alertSeverities(mode).filter((each) => named.length === 0 || named.includes(each));
  const { labels, summary, description } = mode.example;
  return {
    alertname: mode.id,
    eval_time: moment.at,
    exp_alerts: severities.map((severity) => {
      const all = { ...labels, ...ruleLabels(mode, severity) };
      const links = Object.entries(linkAnnotations(mode, options)).map(
        ([name, text]) => [name, filled(text, all)] as const,
      );
      return {
        exp_labels: all,
        exp_annotations: { summary, description, ...Object.fromEntries(links) },
      };
    }),
  };
}

/** That the alert of the first scenario was pending for as long as its `for` says before it fired. */
function pendingTests(mode: DegradationMode) {
  const evaluations = Math.ceil(parseDuration(String(mode.thresholds.for.value)) / minute);
  if (evaluations === 0 || mode.id === alwaysFiring) return [];
  const { at } = exampleMoment(mode);
  return [
    {
      expr: `max(count_over_time(ALERTS{alertname="${mode.id}",alertstate="pending"}[${at}])) >= bool ${evaluations}`,
      eval_time: at,
      exp_samples: [{ labels: "{}", value: 1 }],
    },
  ];
}

function scenarioTest(name: string, scenario: AlertScenario) {
  const series = scenarioSeries(scenario);
  return {
    name,
    interval: "1m",
    input_series: series.map(promtoolSeries),
    promql_expr_test: scenario.expect.flatMap((moment) => [
      firingTest(moment),
      ...severityTests(moment),
      ...roleTests(scenario, moment),
      ...agreementTests(scenario, series, moment),
    ]),
  };
}

/** Every world in which alerts are tested: those of the modes, and the healthy ones in which all must be silent. */
function alertWorlds(): { readonly name: string; readonly scenario: AlertScenario }[] {
  return [
    ...healthyScenarios.map((scenario) => ({ name: `healthy: ${scenario.name}`, scenario })),
    ...modes.flatMap((mode) =>
      mode.scenarios.map((scenario) => ({ name: `${mode.id}: ${scenario.name}`, scenario })),
    ),
  ];
}

/** What promtool's test file for the rules at their default thresholds holds. `ruleFile` is relative to the test file. */
export function ruleTestFile(ruleFile: string, options: RuleOptions) {
  const firstOf = new Map(modes.map((mode) => [mode.scenarios[0], mode]));
  const tests = alertWorlds().map(({ name, scenario }) => {
    const test = scenarioTest(name, scenario);
    const mode = firstOf.get(scenario);
    if (mode === undefined) return test;
    return {
      ...test,
      promql_expr_test: [...test.promql_expr_test, ...pendingTests(mode)],
      alert_rule_test: [exampleTest(mode, options)],
    };
  });
  return {
    rule_files: [ruleFile],
    evaluation_interval: "1m",
    tests: [...tests, ...renderRecordingTests()],
  };
}

/** promtool's test file for the rules at their default thresholds. `ruleFile` is relative to the test file. */
export function renderRuleTests(ruleFile: string, options: RuleOptions): string {
  const file = ruleTestFile(ruleFile, options);
  return `# Generated from catalog/modes, catalog/healthy-scenarios.ts and alerts/recording-rule-tests.ts; change those, then run npm run generate.\n${stringify(file, { lineWidth: 0, anchorPrefix: "h" })}`;
}
