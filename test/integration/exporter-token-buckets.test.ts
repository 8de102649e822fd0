import calculateSlot from "cluster-key-slot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("exporter");
});

afterEach(async () => {
  await workspace.close();
});

const accountNames = ["a", "b", "c", "d", "e", "f"];
/** Far enough ahead that nothing is refilled while the test runs. */
const laterMs = Date.now() + 3_600_000;

async function exporterOf(token_bucket: object) {
  const auth_token = await secretFile(workspace, "token");
  const account = { limit_per_second: 50, burst: 200, account_sid: "AC1", auth_token };
  const accounts = Object.fromEntries(accountNames.map((name) => [name, account]));
  // Nothing listens there: whether the provider answers is not what is asked here.
  const base_url = `http://127.0.0.1:${await workspace.port()}`;
  return startExporter(workspace, {
    roles: { token_bucket },
    providers: { twilio: { kind: "twilio", base_url, accounts } },
  });
}

const bucket = (account: string) => ({ role: "token_bucket", provider: "twilio", account });

const accountsRead = (page: MetricsPage) =>
  page
    .all("redisops_token_bucket_tokens")
    .map(({ labels }) => labels.account)
    .sort();

describe("the token bucket probe", { timeout: patience }, () => {
  it("reads what each bucket holds, a missing one being full", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    await withRedis(redis.port, async (client) => {
      await client.hset("bucket:twilio:a", { tokens: "12.5", updated_ms: String(laterMs) });
      await client.hset("bucket:twilio:b", { tokens: "0", updated_ms: String(laterMs - 7_200_000) });
    });
    const exporter = await exporterOf({ topology: "standalone", address: `127.0.0.1:${redis.port}` });
    const page = await exporter.scrape();
    const tokens = accountNames.map((name) => page.value("redisops_token_bucket_tokens", bucket(name)));
    expect(tokens).toEqual([12.5, 200, 200, 200, 200, 200]);
    expect(page.all("redisops_token_bucket_capacity").map(({ value }) => value)).toEqual(
      accountNames.map(() => 200),
    );
    expect(page.all("redisops_token_bucket_refill_per_second").map(({ value }) => value)).toEqual(
      accountNames.map(() => 50),
    );
    const buckets = await withRedis(redis.port, (client) => client.keys("bucket:*"));
    expect(buckets).toHaveLength(2); // reading creates none
  });

  it("reads all buckets but one that is none, and names the role", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    await withRedis(redis.port, (client) => client.set("bucket:twilio:c", "not a hash"));
    const exporter = await exporterOf({ topology: "standalone", address: `127.0.0.1:${redis.port}` });
    const page = await exporter.scrape();
    expect(page.verdict("token_bucket")).toBe("up");
    expect(page.value("redisops_probe_success", { probe: "token_buckets" })).toBe(0);
    expect(accountsRead(page)).toEqual(["a", "b", "d", "e", "f"]);
    const { error } = await exporter.result("token_buckets", "token_bucket");
    expect(error?.message).toContain(`token_bucket Redis at 127.0.0.1:${redis.port}`);
    expect(error?.message).toContain("WRONGTYPE");
  });

  it("finds the buckets that a cluster spreads over its nodes", async () => {
    const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    const exporter = await exporterOf({
      topology: "cluster",
      nodes: nodes.map(({ port }) => `127.0.0.1:${port}`),
    });
    const page = await exporter.scrape();
    expect(page.value("redisops_probe_success", { probe: "token_buckets" })).toBe(1);
    expect(page.all("redisops_token_bucket_tokens").map(({ value }) => value)).toEqual(
      accountNames.map(() => 200),
    );
  });

  it.each(["killed", "hung"] as const)(
    "keeps the accounts of the other shards when one is %s",
    async (fate) => {
      const { nodes } = await startRedisCluster(workspace, {
        name: "node",
        shards: 3,
        config: ["cluster-require-full-coverage no"],
      });
      const exporter = await exporterOf({
        topology: "cluster",
        nodes: nodes.map(({ port }) => `127.0.0.1:${port}`),
      });
      await exporter.scrape(); // so that every node is known
      const [first] = nodes;
      if (first === undefined) throw new Error("there is no node");
      const slots = await withRedis(first.port, async (client) => {
        const ranges = await client.cluster("SLOTS");
        return ranges.filter(([, , node]) => node?.[1] === first.port);
      });
      const lost = accountNames.filter((name) => {
        const slot = calculateSlot(`bucket:twilio:${name}`);
        return slots.some(([from, to]) => slot >= from && slot <= to);
      });
      expect(lost.length).toBeGreaterThan(0);
      expect(lost.length).toBeLessThan(accountNames.length);
      if (fate === "killed") await first.server.kill();
      else first.server.pause();

      const page = await exporter.scrape();
      expect(accountsRead(page)).toEqual(accountNames.filter((name) => !lost.includes(name)));
      expect(page.all("redisops_token_bucket_capacity")).toHaveLength(accountNames.length);
      expect(page.value("redisops_probe_success", { probe: "token_buckets" })).toBe(0);
      const { error } = await exporter.result("token_buckets", "token_bucket");
      expect(error?.message).toContain(`127.0.0.1:${first.port}`);
    },
  );
});
