import { expect, test } from "vitest";
import { parse } from "yaml";
import { defaultRuleOptions, ruleOptions } from "../../../alerts/defaults.ts";
import { linkAnnotations, renderRules } from "../../../alerts/rules.ts";
import { modes } from "../../../catalog/modes.ts";
import { parseConfig } from "../../../core/config/load.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const groupsOf = (yaml: string) =>
  (parse(yaml) as { groups: { readonly name: string; readonly rules: readonly Rule[] }[] }).groups;

const rulesOf = (yaml: string) => groupsOf(yaml).flatMap(({ rules }) => rules);

test("there is one group for each role that has modes, with all of them", () => {
  const groups = groupsOf(renderRules(defaultRuleOptions()));
  expect(groups.map(({ name }) => name)).toEqual([
    ...new Set(["registry", "dedup", "token_bucket", "postgres", "self"].map((role) => `redisops-${role}`)),
  ]);
  for (const { name, rules } of groups) {
    const own = modes.filter(({ role }) => name === `redisops-${role}`);
    expect(rules.map(({ alert }) => alert)).toEqual(own.map(({ id }) => id));
  }
});

test("every alert says how severe it is, what it is about, what happened and where to go on", () => {
  for (const { alert, labels, annotations } of rulesOf(renderRules(defaultRuleOptions()))) {
    const mode = modes.find(({ id }) => id === alert);
    expect(labels).toEqual({ severity: mode?.severity, role: mode?.role, nature: mode?.nature });
    expect(annotations.runbook_url, alert).toMatch(new RegExp(`^https://.*/${alert}\\.md$`));
    expect(annotations.dashboard_url, alert).toMatch(/^http.*\/d\/redisops-overview/);
    for (const name of ["summary", "description", "command"]) expect(annotations[name], alert).not.toBe("");
  }
});

test("a configuration’s thresholds and addresses are in its rules, and in those rules alone", () => {
  const config = parseConfig(
    `platform: test
roles: {}
thresholds: { BloomCold: { absent_ratio: 0.2, for: 9s } }
alerting: { runbook_base_url: https://runbooks.example/a/, dashboard_base_url: https://grafana.example/ }
`,
    "test.yaml",
  );
  const own = rulesOf(renderRules(ruleOptions(config)));
  const usual = rulesOf(renderRules(defaultRuleOptions()));
  const differing = own.filter(({ expr }, index) => expr !== usual[index]?.expr);
  expect(differing.map(({ alert }) => alert)).toEqual(["BloomCold"]);
  expect(differing[0]).toMatchObject({ expr: expect.stringContaining("> 0.2)"), for: "9s" });
  for (const { alert, annotations } of own) {
    expect(annotations.runbook_url).toBe(`https://runbooks.example/a/${alert}.md`);
    expect(annotations.dashboard_url).toMatch(/^https:\/\/grafana\.example\/d\//);
  }
});

test("the command is the mode’s remedy, or what shows its role’s state", () => {
  const command = (id: string) =>
    modes.filter((mode) => mode.id === id).map((mode) => linkAnnotations(mode, defaultRuleOptions()).command);
  expect(command("BloomCold")).toEqual(["redisops recover bloom"]);
  expect(command("RegistryDown")).toEqual(["redisops status --role registry"]);
});
