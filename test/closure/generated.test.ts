import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { buildDashboards } from "../../dashboards/build.ts";
import { ruleGaps, ruleTestGaps } from "./alerts.ts";
import { committedPages, committedPanelNumbers, committedRules, committedRuleTests } from "./committed.ts";
import { changed, without } from "./doctored.ts";
import { panelGaps } from "./panels.ts";
import { pageGaps } from "./runbooks.ts";

const panels = Object.assign(
  {},
  ...buildDashboards({ thresholds: {}, runbookBaseUrl: "https://runbooks.example" }).map(
    (board) => board.panels,
  ),
) as Record<string, number>;

test("every mode has a panel, and every panel a mode", () => {
  const committed = committedPanelNumbers();
  expect(panelGaps(modes, panels, committed)).toEqual([]);
  const gaps = (...words: Parameters<typeof panelGaps>) => panelGaps(...words).join("\n");
  expect(gaps(changed("Watchdog", { panels: [] }), panels, committed)).toMatch(
    /^Watchdog: no panel shows it/m,
  );
  expect(gaps(changed("BloomCold", { panels: ["bloom-canary"] }), panels, committed)).toMatch(
    /^BloomCold: names the panel bloom-canary, which .*dashboards\/overview/m,
  );
  expect(gaps(changed("BloomCold", { panels: ["role-up"] }), panels, committed)).toMatch(
    /^bloom-canaries: no mode names this panel/,
  );
  expect(gaps(modes, { ...panels, extra: 7 }, committed)).toMatch(
    /^extra: not on the boards.*\nextra: no mode/,
  );
  expect(gaps(modes, panels, new Set([...committed].slice(1)))).toMatch(/^purpose: not on the boards/);
});

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

test("every alert is shown to be silent, to fire and to resolve", () => {
  const tests = committedRuleTests();
  expect(ruleTestGaps(modes, tests)).toEqual([]);
  const gaps = (
    name: string,
    moments: (
      times: (typeof tests)[number]["promql_expr_test"],
    ) => (typeof tests)[number]["promql_expr_test"],
  ) =>
    ruleTestGaps(
      modes,
      tests.map((each) =>
        each.name.startsWith(name) ? { ...each, promql_expr_test: moments(each.promql_expr_test) } : each,
      ),
    );
  expect(
    ruleTestGaps(
      modes,
      tests.filter(({ name }) => !name.startsWith("BloomCold:")),
    ),
  ).toEqual([
    expect.stringMatching(/^BloomCold: no alert test has its labels .*catalog\/modes\/BloomCold\.ts/),
    expect.stringMatching(/^BloomCold: no alert test fires it/),
    expect.stringMatching(/^BloomCold: no alert test has it silent and then firing/),
    expect.stringMatching(/^BloomCold: no alert test resolves it/),
  ]);
  const from = (minute: number) =>
    gaps("BloomCold:", (all) => all.filter((at) => parseInt(at.eval_time, 10) >= minute));
  const upTo = (minute: number) =>
    gaps("BloomCold:", (all) => all.filter((at) => parseInt(at.eval_time, 10) <= minute));
  expect(from(5)).toEqual([expect.stringMatching(/^BloomCold: no alert test has it silent and then firing/)]);
  expect(upTo(5)).toEqual([expect.stringMatching(/^BloomCold: no alert test resolves it/)]);
  expect(
    ruleTestGaps(
      modes,
      tests.map((each) => ({ ...each, alert_rule_test: [] })),
    ),
  ).toHaveLength(modes.length);
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
