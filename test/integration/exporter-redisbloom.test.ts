import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startServer } from "../../lab/process.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

/** Starts a server with BF commands on the port that is appended. */
const command = process.env.REDISOPS_TEST_BLOOM_SERVER;
const key = "{dedup:sent}";

let workspace: Workspace;
let database: Database;
let port: number;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  if (command === undefined) return;
  database = await startDatabase(workspace);
  port = await startBloom("redisbloom");
});

/** Starts a server with BF commands. Returns its port. */
async function startBloom(name: string): Promise<number> {
  const own = await workspace.port();
  const dir = await workspace.folder(name);
  await startServer(workspace, {
    name,
    command: ["/bin/sh", "-c", `exec ${command} ${own}`],
    cwd: dir,
    logFile: `${dir}/redis.log`,
    ready: () => withRedis(own, async (client) => (await client.ping()) === "PONG"),
  });
  return own;
}

beforeEach(async (context) => {
  context.skip(command === undefined, "REDISOPS_TEST_BLOOM_SERVER names no server with BF commands");
  await withRedis(port, (client) => client.flushall());
  await database.admin.query("TRUNCATE notifications");
});

afterAll(async () => {
  await workspace.close();
});

async function bf(name: string, ...args: (string | number)[]): Promise<unknown> {
  return withRedis(port, (client) => client.call(`BF.${name}`, key, ...args));
}

async function addAll(ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += 1000) await bf("MADD", ...ids.slice(start, start + 1000));
}

function exporterOf(capacity: number) {
  const filter = { engine: "redisbloom", key, capacity, error_rate: 0.01 };
  const dedup = { topology: "standalone", address: `127.0.0.1:${port}`, filter };
  const postgres = database.section({ tables: { sent_notifications: {} } });
  return startExporter(workspace, { roles: { dedup }, postgres, exporter: { canary_ids: 1000 } });
}

const bloom = (page: MetricsPage, name: string) =>
  page.value(`redisops_bloom_${name}`, { role: "dedup" }) ?? Number.NaN;
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "bloom" });

/** Share of ids that were never added and are reported as present all the same. */
async function measuredFalsePositives(count: number): Promise<number> {
  let present = 0;
  for (let start = 0; start < count; start += 1000) {
    const ids = Array.from({ length: 1000 }, (_, n) => `never-added-${start + n}`);
    const replies = await bf("MEXISTS", ...ids);
    if (Array.isArray(replies)) present += replies.filter((reply) => reply === 1).length;
  }
  return present / count;
}

describe("the filter probe on RedisBloom", { timeout: patience }, () => {
  it("sees a filter that is not there, a complete one, and one that forgot half of it", async () => {
    const sent = await database.send(5000);
    const exporter = await exporterOf(10_000);
    const absent = await exporter.scrape();
    expect(success(absent)).toBe(1);
    expect(bloom(absent, "size_bytes")).toBe(0);
    expect(bloom(absent, "capacity_ids")).toBe(10_000);
    expect(bloom(absent, "canary_absent_ratio")).toBe(1);

    await bf("RESERVE", 0.01, 10_000);
    await addAll(sent);
    const full = await exporter.scrape();
    expect(success(full)).toBe(1);
    expect(bloom(full, "canary_absent_ratio")).toBe(0);
    expect(bloom(full, "capacity_ids")).toBe(10_000);
    expect(bloom(full, "estimated_ids")).toBeLessThanOrEqual(5000);
    expect(bloom(full, "estimated_ids") / 5000).toBeCloseTo(1, 1);
    expect(bloom(full, "fill_ratio")).toBeGreaterThan(0.2);
    expect(bloom(full, "fill_ratio")).toBeLessThan(0.5);

    await withRedis(port, (client) => client.del(key));
    await bf("RESERVE", 0.01, 10_000);
    await addAll(sent.filter((_, index) => index % 2 === 0));
    const half = await exporter.scrape();
    expect(bloom(half, "canary_absent_ratio")).toBeGreaterThan(0.4);
    expect(bloom(half, "canary_absent_ratio")).toBeLessThan(0.6);
  });

  it("estimates the false positives of a filter that has grown over its capacity", async () => {
    await bf("RESERVE", 0.01, 1000);
    await addAll(Array.from({ length: 6000 }, (_, n) => `added-${n}`));
    const page = await (await exporterOf(1000)).scrape();
    expect(bloom(page, "capacity_ids")).toBe(1000 + 2000 + 4000);
    const estimate = bloom(page, "false_positive_ratio");
    const tries = 100_000;
    const measured = await measuredFalsePositives(tries);
    const samplingError = Math.sqrt((estimate * (1 - estimate)) / tries);
    expect(Math.abs(measured - estimate)).toBeLessThan(5 * samplingError + 0.1 * estimate);
  });

  it("estimates the false positives of a full filter that may not grow", async () => {
    await bf("RESERVE", 0.01, 2000, "NONSCALING");
    await addAll(Array.from({ length: 2000 }, (_, n) => `added-${n}`));
    const page = await (await exporterOf(2000)).scrape();
    const estimate = bloom(page, "false_positive_ratio");
    expect(estimate).toBeGreaterThan(0.005);
    const tries = 100_000;
    const measured = await measuredFalsePositives(tries);
    const samplingError = Math.sqrt((estimate * (1 - estimate)) / tries);
    expect(Math.abs(measured - estimate)).toBeLessThan(5 * samplingError + 0.1 * estimate);
  });

  it("measures what it estimates, and looks at a replica as at the primary", async () => {
    const sent = await database.send(3000);
    await bf("RESERVE", 0.01, 3000, "NONSCALING");
    await addAll(sent);
    const replica = await startBloom("replica");
    await withRedis(replica, (client) => client.replicaof("127.0.0.1", port));
    const node = { node: `127.0.0.1:${replica}` };
    const exporter = await exporterOf(3000);
    const page = await exporter.scrapeUntil(
      "the replica to have all",
      (found) => found.value("redisops_bloom_replica_canary_absent_ratio", node) === 0,
    );
    expect(success(page)).toBe(1);
    expect(page.value("redisops_bloom_replica_fill_ratio", node)).toBe(bloom(page, "fill_ratio"));
    expect(page.all("redisops_bloom_created_timestamp_seconds")).toEqual([]);
    const estimate = bloom(page, "false_positive_ratio");
    const samplingError = Math.sqrt((estimate * (1 - estimate)) / 100);
    expect(Math.abs(bloom(page, "measured_false_positive_ratio") - estimate)).toBeLessThan(
      5 * samplingError + 0.1 * estimate,
    );
    await withRedis(replica, async (client) => {
      await client.config("SET", "replica-read-only", "no");
      await client.del(key);
    });
    const cold = await exporter.scrape();
    expect(cold.value("redisops_bloom_replica_canary_absent_ratio", node)).toBe(1);
    expect(bloom(cold, "canary_absent_ratio")).toBe(0);
    await withRedis(replica, (client) => client.replicaof("NO", "ONE"));
  });

  it("says that the key holds something else", async () => {
    await withRedis(port, (client) => client.lpush(key, "a list"));
    const exporter = await exporterOf(1000);
    const page = await exporter.scrape();
    expect(success(page)).toBe(0);
    expect(bloom(page, "readable")).toBe(0);
    const { error } = await exporter.result("bloom", "dedup");
    expect(error?.code).toBe("FILTER_WRONG_TYPE");
  });
});
