import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LabelName, type MetricDefinition, metrics } from "../../catalog/metrics.ts";
import { contractRules } from "../../catalog/role-contract.ts";
import { roles } from "../../catalog/roles.ts";
import { findProgram } from "../../lab/binaries.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";
import { lateMetrics, type Platform, startPlatform } from "./exporter-platform.ts";

let workspace: Workspace;
let platform: Platform;
let exporter: ExporterUnderTest;
let healthy: MetricsPage;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  platform = await startPlatform(workspace);
  exporter = await startExporter(workspace, platform.config);
  healthy = await exporter.scrapeUntil("what takes its time", (page) =>
    lateMetrics.every((name) => page.all(name).length > 0),
  );
});

afterAll(async () => {
  await workspace.close();
});

const contract = Object.entries(metrics).map(([name, definition]): [string, MetricDefinition] => [
  name,
  definition,
]);
/** What applications report is held against the contract in test/closure/application-metrics.test.ts. */
const catalog = new Map(contract.filter(([, { emitter }]) => emitter !== "application"));

/** What promtool has to say about a page; nothing when all is well. */
async function promtool(page: MetricsPage): Promise<string> {
  const child = spawn(findProgram("promtool"), ["check", "metrics"], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(page.text);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return out + err;
}

describe("the page of a healthy platform", { timeout: patience }, () => {
  it("is of a platform that is healthy", () => {
    const failing = healthy.all("redisops_probe_success").filter(({ value }) => value !== 1);
    expect(failing).toEqual([]);
    for (const role of roles.filter((each) => each !== "self")) expect(healthy.verdict(role)).toBe("up");
  });

  it("has nothing but the contract's metrics, with their labels, types and help", () => {
    for (const { name, labels } of healthy.series) {
      const definition = catalog.get(name);
      expect(definition, name).toBeDefined();
      expect(Object.keys(labels).sort(), name).toEqual([...(definition?.labels ?? [])].sort());
    }
    for (const [, name = "", type] of healthy.text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      expect(type, name).toBe(catalog.get(name)?.type);
    }
    for (const [, name = "", help] of healthy.text.matchAll(/^# HELP (\S+) (.+)$/gm)) {
      expect(help, name).toBe(catalog.get(name)?.help);
    }
  });

  it("has every metric of the contract", () => {
    const present = new Set(healthy.series.map(({ name }) => name));
    expect([...catalog.keys()].filter((name) => !present.has(name))).toEqual([]);
  });

  it("has each series once, and label values from a small, known set", () => {
    const identities = healthy.series.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
    expect(new Set(identities).size).toBe(identities.length);
    const known: Partial<Record<LabelName, readonly string[]>> = {
      role: roles,
      probe: [
        ...["redis", "nodes", "sentinels", "cluster", "contract"],
        ...["registry", "rate_limit", "sequence"],
        "bloom",
        "pending_deliveries",
        "token_buckets",
        "postgres",
        "pgbouncer",
        "runs",
        "preferences",
        "provider",
      ],
      target: [...roles, "pending_deliveries", "runs", "twilio/main", "sendgrid/mail", "push/main"],
      state: [
        ...["active", "idle", "idle_in_transaction", "other", "waiting", "used"],
        ...["current", "outdated", "stale", "missing", "unknown_layout"],
        ...["assigned", "ok", "pfail", "fail"],
      ],
      source: ["cache", "postgres", "measured"],
      kind: ["primary", "replica"],
      shard: ["0", "1", "2"],
      rule: contractRules,
      provider: ["twilio", "sendgrid", "push"],
      account: ["main", "mail"],
      recovery: ["bloom"],
      mode: ["BloomCold"],
    };
    for (const [label, values] of Object.entries(known)) {
      const found = healthy.series.flatMap(({ labels }) => labels[label] ?? []);
      expect(found.filter((value) => !values.includes(value))).toEqual([]);
    }
  });

  it("shows no address but those of Redis nodes, no key and no id", () => {
    expect(healthy.text.replaceAll(/\bnode="127\.0\.0\.1:\d+"/g, "")).not.toContain("127.0.0.1");
    expect(healthy.text).not.toMatch(/sent-\d|user-\d|AC777/);
  });

  it("is fine with promtool", async () => {
    expect(await promtool(healthy)).toBe("");
  });
});

describe("the page of a platform whose servers are gone", { timeout: patience }, () => {
  it("has lost what can no longer be known, has nothing new, and is fine with promtool", async () => {
    await platform.redis.kill();
    const faulty = await exporter.scrape();
    const identity = ({ name, labels }: MetricsPage["series"][number]) => `${name}${JSON.stringify(labels)}`;
    const before = new Set(healthy.series.map(identity));
    const after = new Set(faulty.series.map(identity));
    expect([...after].filter((series) => !before.has(series))).toEqual([]);
    const vanished = new Set(
      [...before].filter((series) => !after.has(series)).map((series) => series.split("{")[0]),
    );
    const ofNodes = [...vanished].filter((name) => name?.startsWith("redisops_redis_"));
    expect(ofNodes).toContain("redisops_redis_memory_used_bytes");
    expect(ofNodes).not.toContain("redisops_redis_up");
    expect([...vanished].filter((name) => !ofNodes.includes(name)).sort()).toEqual(
      [
        "redisops_bloom_canary_absent_ratio",
        "redisops_bloom_canary_ids",
        "redisops_bloom_created_timestamp_seconds",
        "redisops_bloom_measured_false_positive_ratio",
        "redisops_rate_limit_counters_without_ttl",
        "redisops_rate_limit_counters_without_ttl_standard_error",
        "redisops_sequence_conversations_regressed_ratio",
        "redisops_sequence_conversations_sampled",
        "redisops_sequence_largest_shortfall_ids",
        "redisops_role_contract_violated",
        "redisops_shard_replicas_in_sync",
        "redisops_shard_replicas_known",
        "redisops_bloom_capacity_ids",
        "redisops_bloom_estimated_ids",
        "redisops_bloom_false_positive_ratio",
        "redisops_bloom_fill_ratio",
        "redisops_bloom_fill_standard_error_ratio",
        "redisops_bloom_size_bytes",
        "redisops_bloom_target_false_positive_ratio",
        "redisops_role_response_seconds",
        "redisops_shard_response_seconds",
        "redisops_token_bucket_tokens",
      ].sort(),
    );
    for (const role of ["sequence", "dedup", "token_bucket", "rate_limit"]) {
      expect(faulty.verdict(role)).toBe("refused");
    }
    for (const role of ["registry", "preferences", "postgres"]) expect(faulty.verdict(role)).toBe("up");
    expect(await promtool(faulty)).toBe("");

    await platform.redis.restart({ empty: false });
    const back = await exporter.scrapeUntil(
      "everything to be back",
      (page) => page.series.length >= before.size,
    );
    expect(back.series.map(identity).sort()).toEqual([...before].sort());
  });
});
