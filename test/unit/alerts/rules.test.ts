import { expect, test } from "vitest";
import { parse } from "yaml";
import { defaultRuleOptions, ruleOptions } from "../../../alerts/defaults.ts";
import { alertSeverities, linkAnnotations, renderRules } from "../../../alerts/rules.ts";
import { modes } from "../../../catalog/modes.ts";
import { recordedSeries } from "../../../catalog/recorded-series.ts";
import { parseConfig } from "../../../core/config/load.ts";

interface Recording {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
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

/** Rules that read a recorded series that is not recorded before them in their group. */
function unorderedReads(groups: ReturnType<typeof rawGroupsOf>): string[] {
  return groups.flatMap(({ rules }) =>
    rules.flatMap((rule, index) => {
      const before = new Set(rules.slice(0, index).map((each) => (isAlert(each) ? "" : each.record)));
      const read = Object.keys(recordedSeries).filter((series) => rule.expr.includes(series));
      if (read.every((series) => before.has(series))) return [];
      return [isAlert(rule) ? rule.alert : rule.record];
    }),
  );
}

const rulesOf = (yaml: string) => groupsOf(yaml).flatMap(({ rules }) => rules);

/** A mode's alerts, by name and severity. */
const alertsOf = (mode: (typeof modes)[number]) =>
  alertSeverities(mode).map((severity) => ({ alert: mode.id, severity }));

test("there is one group for each role that has modes, with all of its modes, and one for objectives", () => {
  const groups = groupsOf(renderRules(defaultRuleOptions())).filter(({ rules }) => rules.length > 0);
  for (const { name, rules } of groups) {
    const own = modes.filter(
      ({ role, signal }) => name === `redisops-${signal.kind === "burn-rate" ? "slo" : role}`,
    );
    expect(rules.map(({ alert, labels }) => ({ alert, severity: labels.severity }))).toEqual(
      own.flatMap(alertsOf),
    );
  }
  expect(groups.flatMap(({ rules }) => rules)).toHaveLength(modes.flatMap(alertsOf).length);
  expect(new Set(groups.map(({ name }) => name)).size).toBe(groups.length);
});

test("every alert says how severe it is, what it is about, what happened and where to go on", () => {
  for (const { alert, labels, annotations } of rulesOf(renderRules(defaultRuleOptions()))) {
    const mode = modes.find(({ id }) => id === alert);
    if (mode === undefined) throw new Error(`${alert} belongs to no mode`);
    const { severity, ...others } = labels;
    expect(alertSeverities(mode)).toContain(severity);
    expect(others).toEqual({ nature: mode.nature, ...(mode.role !== "any" && { role: mode.role }) });
    if (mode.role === "any") expect(mode.signal.by, alert).toContain("role");
    expect(Object.keys(annotations).toSorted()).toEqual(
      ["summary", "description", "runbook_url", "dashboard_url", "command"].toSorted(),
    );
    expect(annotations.runbook_url, alert).toMatch(new RegExp(`^https://.*/${alert}\\.md$`));
    expect(annotations.dashboard_url, alert).toBe(`http://localhost:3000/d/${mode.board}?from=now-1h&to=now`);
    for (const [name, text] of Object.entries(annotations))
      expect(text.trim(), `${alert} ${name}`).not.toBe("");
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

test("a configuration’s alerts say of which platform they are, the committed ones do not", () => {
  const config = parseConfig("platform: staging\nroles: {}\n", "test.yaml");
  for (const { alert, labels } of rulesOf(renderRules(ruleOptions(config))))
    expect(labels, alert).toMatchObject({ platform: "staging" });
  for (const { labels } of rulesOf(renderRules(defaultRuleOptions())))
    expect(labels).not.toHaveProperty("platform");
});

test("every recorded series has a rule, and what reads one comes after it in the same group", () => {
  const yaml = renderRules(defaultRuleOptions());
  const records = recordingsOf(yaml);
  expect(new Set(records.map(({ record }) => record))).toEqual(new Set(Object.keys(recordedSeries)));
  const whole = records.map(({ record, labels }) => JSON.stringify([record, labels]));
  expect(new Set(whole).size).toBe(whole.length);
  expect(unorderedReads(rawGroupsOf(yaml))).toEqual([]);
  const backwards = rawGroupsOf(yaml).map(({ name, rules }) => ({ name, rules: rules.toReversed() }));
  expect(unorderedReads(backwards)).toContain("ProviderThrottled");
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
  const groups = rawGroupsOf(renderRules(ruleOptions(config)));
  const providerRules = (groups.find(({ name }) => name === "redisops-token_bucket")?.rules ?? []).filter(
    (rule) => !isAlert(rule) && /redisops_provider_|http_client/.test(rule.expr),
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
