import { stringify } from "yaml";
import type { AlertScenario, DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import { parseDuration } from "../core/duration.ts";
import { evaluateSignal } from "../core/signal/evaluate.ts";
import { signalPromql } from "../core/signal/promql.ts";
import { effectiveThresholds } from "../core/signal/thresholds.ts";
import { renderRecordingTests } from "./recording-rule-tests.ts";
import { linkAnnotations, type RuleOptions, ruleLabels } from "./rules.ts";
import { promtoolSeries, type ScenarioSeries, samplesAt, scenarioSeries } from "./scenario-series.ts";

/** The heartbeat fires in every scenario; the scenarios leave it out. */
const alwaysFiring = "Watchdog";

/** Which alerts fire at that moment: exactly the named ones, for all modes at once. */
function firingTest(moment: AlertScenario["expect"][number]) {
  const firing = [...new Set([...moment.firing, alwaysFiring])].sort();
  return {
    expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
    eval_time: moment.at,
    exp_samples: firing.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
  };
}

/**
 * Holds PromQL against the local verdict of `redisops status` on the same samples. Signals on rates are left out: a
 * single scrape has none.
 */
function agreementTests(series: readonly ScenarioSeries[], moment: AlertScenario["expect"][number]) {
  const minute = parseDuration(moment.at) / 60_000;
  const samples = samplesAt(series, minute);
  return modes.flatMap((mode) => {
    if (mode.signal.kind === "promql" || mode.signal.rateWindow !== undefined) return [];
    const thresholds = effectiveThresholds(mode);
    const holding = (evaluateSignal(mode.signal, samples, thresholds) ?? []).filter(({ holds }) => holds);
    return [
      {
        expr: `count(${signalPromql(mode.signal, thresholds)}) or vector(0)`,
        eval_time: moment.at,
        exp_samples: [{ labels: "{}", value: holding.length }],
      },
    ];
  });
}

/** The whole alert, annotations included, at the first moment at which the mode's first scenario fires it. */
function exampleTest(mode: DegradationMode, options: RuleOptions) {
  const moment =
    mode.id === alwaysFiring
      ? mode.scenarios[0]?.expect[0]
      : mode.scenarios[0]?.expect.find(({ firing }) => firing.includes(mode.id));
  if (moment === undefined) throw new Error(`The first scenario of ${mode.id} never fires it`);
  const { labels, summary, description } = mode.example;
  return {
    alertname: mode.id,
    eval_time: moment.at,
    exp_alerts: [
      {
        exp_labels: { ...labels, ...ruleLabels(mode) },
        exp_annotations: { summary, description, ...linkAnnotations(mode, options) },
      },
    ],
  };
}

/** promtool's test file for the rules at their default thresholds. `ruleFile` is relative to the test file. */
export function renderRuleTests(ruleFile: string, options: RuleOptions): string {
  const tests = modes.flatMap((mode) =>
    mode.scenarios.map((scenario, index) => {
      const series = scenarioSeries(scenario);
      return {
        name: `${mode.id}: ${scenario.name}`,
        interval: "1m",
        input_series: series.map(promtoolSeries),
        promql_expr_test: scenario.expect.flatMap((moment) => [
          firingTest(moment),
          ...agreementTests(series, moment),
        ]),
        ...(index === 0 ? { alert_rule_test: [exampleTest(mode, options)] } : {}),
      };
    }),
  );
  const file = {
    rule_files: [ruleFile],
    evaluation_interval: "1m",
    tests: [...tests, ...renderRecordingTests()],
  };
  return `# Generated from catalog/modes and alerts/recording-rule-tests.ts; change those, then run npm run generate.\n${stringify(file, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
