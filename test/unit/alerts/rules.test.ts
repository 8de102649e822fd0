import { expect, test } from "vitest";
import { parse } from "yaml";
import { defaultRuleOptions, ruleOptions } from "../../../alerts/defaults.ts";
import { linkAnnotations, renderRules } from "../../../alerts/rules.ts";
import { modes } from "../../../catalog/modes.ts";
import { recordedSeries } from "../../../catalog/recorded-series.ts";
import { parseConfig } from "../../../core/config/load.ts";

interface Recording {
  readonly record: string;
  readonly expr: string;
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const rawGroupsOf = (yaml: string) =>
  (parse(yaml) as { groups: { readonly name: string; readonly rules: readonly (Rule | Recording)[] }[] })
    .groups;

const isAlert = (rule: Rule | Recording): rule is Rule => "alert" in rule;

const groupsOf = (yaml: string) =>
  rawGroupsOf(yaml).map(({ name, rules }) => ({ name, rules: rules.filter(isAlert) }));

const recordingsOf = (yaml: string) =>
  rawGroupsOf(yaml).flatMap(({ rules }) => rules.flatMap((rule) => (isAlert(rule) ? [] : [rule])));

const rulesOf = (yaml: string) => groupsOf(yaml).flatMap(({ rules }) => rules);

test("there is one group for each role that has modes or recorded series, with all of its modes", () => {
  const groups = groupsOf(renderRules(defaultRuleOptions()));
  expect(groups.map(({ name }) => name)).toEqual([
    ...["registry", "preferences", "dedup", "token_bucket", "postgres", "self"].map(
      (role) => `redisops-${role}`,
    ),
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

test("every recorded series has one rule, evaluated before the alerts that read it", () => {
  const yaml = renderRules(defaultRuleOptions());
  expect(recordingsOf(yaml).map(({ record }) => record)).toEqual(Object.keys(recordedSeries));
  for (const { rules } of rawGroupsOf(yaml)) {
    const firstAlert = rules.findIndex(isAlert);
    if (firstAlert !== -1) expect(rules.slice(firstAlert).every(isAlert)).toBe(true);
  }
});

/** Providers with base URLs of every kind. */
const providers = `providers:
  twilio: { kind: twilio, accounts: { main: { limit_per_second: 1, account_sid: AC1, auth_token: file:/t } } }
  sendgrid:
    kind: sendgrid
    accounts:
      a: { limit_per_second: 1, api_key: file:/a }
      b: { limit_per_second: 1, api_key: file:/b }
  push: { kind: http, base_url: "https://push.example:8443/v2", accounts: { only: { limit_per_second: 1 } } }
  plain: { kind: http, base_url: "http://10.0.0.7", accounts: {} }
  six: { kind: http, base_url: "http://[2001:db8::1]:8080", accounts: {} }
  here: { kind: http, base_url: "http://127.0.0.1:9000/a", accounts: {} }
  there: { kind: http, base_url: "http://127.0.0.1:9000/b", accounts: {} }
`;

test("providers are told apart by the host and port of base_url, and not at all where they share them", () => {
  const config = parseConfig(`platform: test\nroles: {}\n${providers}`, "test.yaml");
  expect(ruleOptions(config).providers).toEqual([
    { provider: "twilio", account: "main", host: "api.twilio.com", port: "443", usualPort: true },
    { provider: "sendgrid", account: undefined, host: "api.sendgrid.com", port: "443", usualPort: true },
    { provider: "push", account: "only", host: "push.example", port: "8443", usualPort: false },
    { provider: "plain", account: undefined, host: "10.0.0.7", port: "80", usualPort: true },
    { provider: "six", account: undefined, host: "2001:db8::1", port: "8080", usualPort: false },
  ]);
  expect(defaultRuleOptions().providers.map(({ host }) => host)).toEqual([
    "api.twilio.com",
    "api.sendgrid.com",
  ]);
});

test("counters are rated over the alert’s own window", () => {
  const config = parseConfig(
    "platform: test\nroles: {}\nthresholds: { ProviderThrottled: { window: 7m } }\n",
    "test.yaml",
  );
  const providerRules = recordingsOf(renderRules(ruleOptions(config))).filter(({ expr }) =>
    /redisops_provider_|http_client/.test(expr),
  );
  const windows = providerRules.flatMap(({ expr }) =>
    [...expr.matchAll(/\[([^\]]*)\]/g)].map(([, window]) => window),
  );
  expect(new Set(windows)).toEqual(new Set(["7m"]));
});

test("without an address to tell by, OpenTelemetry is left out", () => {
  const yaml = renderRules({ ...defaultRuleOptions(), providers: [] });
  expect(recordingsOf(yaml).map(({ record }) => record)).not.toContain("redisops:http_client_responses:rate");
  expect(yaml).not.toContain("http_client");
});

test("the command is the mode’s remedy, or what shows its role’s state", () => {
  const command = (id: string) =>
    modes.filter((mode) => mode.id === id).map((mode) => linkAnnotations(mode, defaultRuleOptions()).command);
  expect(command("BloomCold")).toEqual(["redisops recover bloom"]);
  expect(command("RegistryDown")).toEqual(["redisops status --role registry"]);
});
