import type { DegradationMode } from "../../catalog/mode.ts";
import { parseDuration } from "../../core/duration.ts";
import type { AlertRule, RuleTest } from "./committed.ts";

/** Modes whose alert is never silent, with why. */
const neverSilent: Readonly<Record<string, string>> = {
  Watchdog: "a heartbeat is healthy while it fires; that its absence is noticed is the receiver's part",
};

/** Differences between the modes and the alerts in the rule file, in both directions. */
export function ruleGaps(modes: readonly DegradationMode[], rules: readonly AlertRule[]): string[] {
  const alerts = new Set(rules.map(({ alert }) => alert));
  const ids = new Set(modes.map(({ id }) => id));
  return [
    ...[...ids]
      .filter((id) => !alerts.has(id))
      .map((id) => `${id}: no alert in alerts/rules/redisops.rules.yml; run npm run generate`),
    ...[...alerts]
      .filter((alert) => !ids.has(alert))
      .map((alert) => `${alert}: this alert belongs to no mode in catalog/modes; remove it`),
  ];
}

/** Whether the alert fires, moment by moment in the order of time, as a test expects it. */
function timeline(test: RuleTest, alert: string): boolean[] {
  return test.promql_expr_test
    .filter(({ expr }) => expr.includes('ALERTS{alertstate="firing"}'))
    .map(({ eval_time, exp_samples }) => ({
      time: parseDuration(eval_time),
      fires: exp_samples.some(({ labels }) => labels === `{alertname="${alert}"}`),
    }))
    .sort((a, b) => a.time - b.time)
    .map(({ fires }) => fires);
}

/** Assertions that every alert has at least: silent before, not before its `for`, fires, resolves. */
const leastAssertions = 4;

/** What the tests of a mode’s own scenarios assert of its alert. */
export function assertionsOn(id: string, tests: readonly RuleTest[]): number {
  const own = tests.filter(({ name }) => name.startsWith(`${id}: `));
  return own.reduce(
    (sum, test) =>
      sum +
      timeline(test, id).length +
      test.promql_expr_test.filter(({ expr }) => expr.includes(`ALERTS{alertname="${id}",`)).length +
      (test.alert_rule_test ?? []).filter(({ alertname }) => alertname === id).length,
    0,
  );
}

/** Whether some test has the alert firing with each of its severities. */
function severityGaps({ id, signal }: DegradationMode, tests: readonly RuleTest[]): string[] {
  if (signal.kind !== "burn-rate") return [];
  const fires = (severity: string) =>
    tests.some(({ promql_expr_test }) =>
      promql_expr_test.some(({ exp_samples }) =>
        exp_samples.some(({ labels }) => labels === `{alertname="${id}", severity="${severity}"}`),
      ),
    );
  return ["page", "ticket"]
    .filter((severity) => !fires(severity))
    .map((severity) => `${id}: no alert test fires its ${severity}`);
}

/**
 * Modes whose alert is not shown to fire, to be silent before, not to fire before its `for`, to be silent in every
 * healthy world, and to resolve afterwards.
 */
export function ruleTestGaps(modes: readonly DegradationMode[], tests: readonly RuleTest[]): string[] {
  const healthy = tests.filter(({ name }) => name.startsWith("healthy: "));
  return modes.flatMap((mode) => {
    const { id } = mode;
    const where = `add a scenario to catalog/modes/${id}.ts, then run npm run generate`;
    const timelines = tests.map((test) => timeline(test, id));
    const whole = tests
      .flatMap((test) => test.alert_rule_test ?? [])
      .some((test) => test.alertname === id && (test.exp_alerts?.length ?? 0) > 0);
    const gaps = [
      ...(whole ? [] : [`${id}: no alert test has its labels and annotations; ${where}`]),
      ...(timelines.some((moments) => moments.includes(true))
        ? []
        : [`${id}: no alert test fires it; ${where}`]),
    ];
    if (id in neverSilent) return gaps;
    const turns = (from: boolean, to: boolean) =>
      timelines.some((moments) => moments.includes(from) && moments.lastIndexOf(to) > moments.indexOf(from));
    const waits = parseDuration(String(mode.thresholds.for.value)) > 0;
    const pending = tests.some(({ promql_expr_test }) =>
      promql_expr_test.some(({ expr }) => expr.includes(`ALERTS{alertname="${id}",alertstate="pending"}`)),
    );
    const assertions = assertionsOn(id, tests);
    const loud = healthy.filter((test) => timeline(test, id).includes(true));
    return [
      ...gaps,
      ...severityGaps(mode, tests).map((gap) => `${gap}; ${where}`),
      ...(turns(false, true) ? [] : [`${id}: no alert test has it silent and then firing; ${where}`]),
      ...(!waits || pending ? [] : [`${id}: no alert test has it pending for its whole “for”; ${where}`]),
      ...(turns(true, false) ? [] : [`${id}: no alert test resolves it after it fired; ${where}`]),
      ...(assertions >= leastAssertions
        ? []
        : [`${id}: ${assertions} assertions in its own tests, ${leastAssertions} are the least; ${where}`]),
      ...(healthy.length > 0
        ? []
        : [`${id}: no healthy world has it silent; add one to catalog/healthy-scenarios.ts`]),
      ...loud.map(
        ({ name }) => `${id}: fires in “${name}”; correct its signal or catalog/healthy-scenarios.ts`,
      ),
    ];
  });
}
