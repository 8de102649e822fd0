import { expect, test } from "vitest";
import { defaultRuleOptions } from "../../alerts/defaults.ts";
import { type AlertRule, type RuleGroup, ruleGroups } from "../../alerts/rules.ts";
import { parseDuration } from "../../core/duration.ts";

/** Longest time between two scrapes that the rules allow for, in milliseconds; Prometheus's own default. */
const scrapeInterval = 60_000;

/** Modes that need not hold for two evaluations, with why. */
const atOnce: Readonly<Record<string, string>> = {
  Watchdog: "a heartbeat must not wait",
  RedisFailover: "an event, which is over when it is seen",
};

/** Modes with a range that is shorter than four scrapes, with why. */
const shortRanges: Readonly<Record<string, string>> = {
  RedisFailover: "it counts changes, which two samples show, and must not mistake maintenance for a failover",
};

type Rule = RuleGroup["rules"][number];

const nameOf = (rule: Rule) => ("alert" in rule ? rule.alert : rule.record);

/** Functions that Prometheus 3 removed, renamed or keeps behind a flag, or that 2.42 does not have yet. */
const notEverywhere =
  /\b(?:holt_winters|double_exponential_smoothing|mad_over_time|sort_by_label|sort_by_label_desc|limitk|limit_ratio|info|histogram_avg|histogram_stddev|histogram_stdvar|ts_of_\w+)\s*\(/;

/** A matcher for a bucket by a number: Prometheus 2 may have it as 30, Prometheus 3 has it as 30.0. */
const numberedBucket = /\ble\s*(?:=|!=)\s*"\d+(?:\.0)?"/;

/** One that may take but one of the two spellings. */
const halfPattern = /\ble\s*(?:=~|!~)\s*"([^"]*)"/g;

function bucketGaps(expr: string): boolean {
  if (numberedBucket.test(expr)) return true;
  return [...expr.matchAll(halfPattern)].some(([, pattern = ""]) => {
    const matches = (text: string) => new RegExp(`^(?:${pattern.replaceAll("\\\\", "\\")})$`).test(text);
    return pattern
      .split("|")
      .map((part) => Number.parseFloat(part.replace(/[^\d.].*$/, "")))
      .filter((bound) => Number.isInteger(bound))
      .some((bound) => !matches(String(bound)) || !matches(`${bound}.0`));
  });
}

/** What is wrong with a rule, in the spirit of pint and of kubernetes-mixin’s conventions. */
function ruleFaults(rule: Rule): string[] {
  const { expr } = rule;
  const ranges = [...expr.matchAll(/\[([^\]:]*)[\]:]/g)].map(([, range = ""]) => range);
  const shared = [
    ...(notEverywhere.test(expr) ? ["uses a function that 2.42 or 3.x does not have"] : []),
    ...(bucketGaps(expr) ? ["matches a bucket in one spelling of le alone"] : []),
    ...(/\s(?:\||&)\s|\{[^}]*=~"\.\*"/.test(expr) ? ["has a matcher that matches everything"] : []),
    ...ranges
      .filter((range) => !(nameOf(rule) in shortRanges) && parseDuration(range) < 4 * scrapeInterval)
      .map((range) => `has a range of ${range}, less than four scrapes`),
    ...(/\b(?:rate|increase|irate)\s*\(\s*(?:sum|max|min|avg)\b/.test(expr) ? ["rates a sum"] : []),
    ...(/\birate\s*\(/.test(expr) ? ["uses irate, which one late scrape changes"] : []),
  ];
  return [...shared, ...("alert" in rule ? alertFaults(rule) : [])].map(
    (fault) => `${nameOf(rule)} ${fault}`,
  );
}

function alertFaults(rule: AlertRule): string[] {
  const { alert, labels, annotations } = rule;
  const texts = Object.values(annotations).join(" ");
  return [
    ...(/^[A-Z][A-Za-z]+$/.test(alert) ? [] : ["is no CamelCase name"]),
    ...(alert in atOnce || parseDuration(rule.for) >= scrapeInterval
      ? []
      : [`fires after ${rule.for}, on a single evaluation`]),
    ...(Object.values(labels).some((value) => value.includes("{{")) ? ["has a template in a label"] : []),
    ...(["page", "ticket", "none"].includes(labels.severity ?? "") ? [] : ["has no known severity"]),
    ...(/\{\{[^}]*\$labels\.(?:instance|pod|job)\b/.test(texts)
      ? ["names a label that was aggregated away"]
      : []),
    ...((texts.match(/\{\{/g) ?? []).length === (texts.match(/\}\}/g) ?? []).length
      ? []
      : ["has a template that does not end"]),
  ];
}

const rules = ruleGroups(defaultRuleOptions()).flatMap((group) => group.rules);

test("every rule keeps to what holds in Prometheus 2.42 and 3, and to good practice", () => {
  expect(rules.length).toBeGreaterThan(0);
  expect(rules.flatMap(ruleFaults)).toEqual([]);
});

const alert: AlertRule = {
  alert: "Doctored",
  expr: "vector(1)",
  for: "5m",
  labels: { severity: "page" },
  annotations: {},
};

test.each<[string, Partial<AlertRule>, string]>([
  ["a function of one version", { expr: "holt_winters(a[1h], 0.1, 0.1)" }, "a function that"],
  ["a bucket in one spelling", { expr: 'rate(a_bucket{le="30"}[5m])' }, "one spelling"],
  ["a pattern of one spelling", { expr: 'rate(a_bucket{le=~"30|60"}[5m])' }, "one spelling"],
  ["a short range", { expr: "rate(a[2m]) > 1" }, "less than four scrapes"],
  ["the rate of a sum", { expr: "rate(sum(a)[5m:1m])" }, "rates a sum"],
  ["irate", { expr: "irate(a[5m])" }, "uses irate"],
  ["no patience", { for: "10s" }, "on a single evaluation"],
  ["a value in a label", { labels: { severity: "page", much: "{{ $value }}" } }, "a template in a label"],
  ["an unknown severity", { labels: { severity: "critical" } }, "no known severity"],
  ["an unending template", { annotations: { summary: "{{ $value" } }, "does not end"],
])("%s is found", (_, change, fault) => {
  expect(ruleFaults({ ...alert, ...change })).toEqual([expect.stringContaining(fault)]);
});

test("what both spellings match is no fault", () => {
  expect(ruleFaults({ ...alert, expr: 'rate(a_bucket{le=~"30(\\\\.0)?"}[5m])' })).toEqual([]);
  expect(ruleFaults({ ...alert, expr: 'rate(a_bucket{le="+Inf"}[5m])' })).toEqual([]);
});
