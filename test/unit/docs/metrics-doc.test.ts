import { expect, test } from "vitest";
import { errorClasses } from "../../../catalog/error-class.ts";
import { labelMeanings, type MetricDefinition, metrics } from "../../../catalog/metrics.ts";
import { modes } from "../../../catalog/modes.ts";
import { renderMetricsDoc } from "../../../scripts/generate/metrics-doc.ts";
import { sectionsOf } from "./headings.ts";

const sections = new Map(sectionsOf(renderMetricsDoc(modes)).map(({ title, body }) => [title, body]));

test.each(Object.entries<MetricDefinition>(metrics))("%s has its type, labels and help", (name, metric) => {
  const body = sections.get(name) ?? "";
  expect(body.startsWith(metric.help)).toBe(true);
  expect(body).toContain(`- Type: ${metric.type}`);
  expect(body).toContain(`- Labels: ${metric.labels.map((label) => `\`${label}\``).join(", ")}`);
});

test("every label has its values", () => {
  const table = sections.get("Labels") ?? "";
  for (const label of Object.keys(labelMeanings))
    expect(table).toMatch(new RegExp(`^\\| \`${label}\` +\\| \\S`, "m"));
  for (const value of errorClasses) expect(table).toContain(`\`${value}\``);
});

test("names the alerts that read a metric, guards and divisors included, and how they combine its series", () => {
  expect(sections.get("redisops_bloom_canary_ids")).toContain(
    "[BloomCold](../runbooks/BloomCold.md) (the max",
  );
  expect(sections.get("redisops_provider_requests_total")).toContain("[ProviderThrottled]");
  expect(sections.get("redisops_postgres_connections_limit")).toContain("(the sum over all processes");
  expect(sections.get("redisops_token_bucket_tokens")).toContain(
    "Proves recovery from: [TokenBucketsDrained]",
  );
  expect(sections.get("redisops_build_info")).toContain("none reads it");
});

test("every mode that judges a metric is named at one", () => {
  const text = [...sections.values()].join("\n");
  for (const mode of modes.filter(({ signal }) => signal.kind === "threshold")) {
    expect(text).toContain(`[${mode.id}](../runbooks/${mode.id}.md)`);
  }
});
