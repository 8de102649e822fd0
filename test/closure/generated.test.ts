import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { ruleGaps, ruleTestGaps } from "./alerts.ts";
import { committedPages, committedRules, committedRuleTests } from "./committed.ts";
import { changed, without } from "./doctored.ts";
import { pageGaps } from "./runbooks.ts";

test("every mode has an alert, and every alert a mode", () => {
  const rules = committedRules();
  expect(ruleGaps(modes, rules)).toEqual([]);
  expect(ruleGaps(modes, rules.slice(1))).toEqual([
    expect.stringMatching(/^RegistryDown: no alert in alerts\/rules/),
  ]);
  expect(ruleGaps(without("BloomCold"), rules)).toEqual([
    expect.stringMatching(/^BloomCold: this alert belongs to no mode in catalog\/modes/),
  ]);
});

test("every alert is shown to be silent, to fire after its “for” alone, and to resolve", () => {
  const tests = committedRuleTests();
  expect(ruleTestGaps(modes, tests)).toEqual([]);
  type Test = (typeof tests)[number];
  const gaps = (change: (test: Test) => Test | undefined) =>
    ruleTestGaps(
      modes,
      tests.flatMap((test) => change(test) ?? []),
    ).join("\n");
  const fires = ({ promql_expr_test }: Test, labels: string) =>
    promql_expr_test.some(({ exp_samples }) => exp_samples.some((sample) => sample.labels === labels));

  const silent = gaps((test) => (fires(test, '{alertname="BloomCold"}') ? undefined : test));
  expect(silent).toMatch(/^BloomCold: no alert test has its labels .*catalog\/modes\/BloomCold\.ts/m);
  expect(silent).toMatch(/^BloomCold: no alert test fires it/m);
  expect(silent).toMatch(/^BloomCold: no alert test has it silent and then firing/m);
  expect(silent).toMatch(/^BloomCold: no alert test has it pending for its whole “for”/m);
  expect(silent).toMatch(/^BloomCold: no alert test resolves it/m);

  const expressions = (keep: (expression: string) => boolean) =>
    gaps((test) => ({
      ...test,
      promql_expr_test: test.promql_expr_test.filter(({ expr }) => keep(expr)),
    }));
  expect(expressions((expr) => !expr.includes('"pending"'))).toMatch(
    /^BloomCold: no alert test has it pending for its whole “for”/m,
  );
  expect(expressions((expr) => !expr.startsWith("group by (alertname, severity)"))).toMatch(
    /^DegradedDecisionsBudgetBurn: no alert test fires its page/m,
  );

  expect(gaps((test) => (test.name.startsWith("healthy: ") ? undefined : test))).toMatch(
    /^BloomCold: no healthy world has it silent/m,
  );
  const loud = tests.map((test) =>
    fires(test, '{alertname="BloomCold"}') ? { ...test, name: "healthy: not at all" } : test,
  );
  expect(ruleTestGaps(modes, loud).join("\n")).toMatch(/^BloomCold: fires in “healthy: not at all”/m);

  const few = gaps((test) =>
    test.name.startsWith("BloomCold: ") ? { ...test, promql_expr_test: [], alert_rule_test: [] } : test,
  );
  expect(few).toMatch(/^BloomCold: 0 assertions in its own tests, 4 are the least/m);
  expect(
    ruleTestGaps(
      modes,
      tests.map((each) => ({ ...each, alert_rule_test: [] })),
    ),
  ).toContainEqual(expect.stringMatching(/^BloomCold: no alert test has its labels/));
});

test("every mode has a runbook page, and every page a mode", () => {
  const pages = committedPages();
  expect(pageGaps(modes, pages)).toEqual([]);
  expect(pageGaps(modes, new Map([...pages].filter(([name]) => name !== "BloomCold.md")))).toEqual([
    expect.stringMatching(/^BloomCold: no runbook page runbooks\/BloomCold\.md/),
  ]);
  expect(pageGaps(changed("BloomCold", { title: "Another" }), pages)).toHaveLength(1);
  expect(pageGaps(without("BloomCold"), pages)).toEqual([
    expect.stringMatching(/^runbooks\/BloomCold\.md: this page belongs to no mode/),
  ]);
});
