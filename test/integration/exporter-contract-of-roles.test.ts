import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ContractRule, RoleContract } from "../../catalog/role-contract.ts";
import { contractFacts } from "../../exporters/status/redis-facts.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinel } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type ExporterUnderTest, secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let redis: RedisServer;

const at = ({ port }: { readonly port: number }) => `127.0.0.1:${port}`;
const alone = (server: RedisServer) => ({ topology: "standalone", address: at(server) });

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  redis = await startRedis(workspace, { name: "redis" });
});

afterAll(async () => {
  await workspace.close();
});

const set = (server: RedisServer, name: string, value: string | number) =>
  withRedis(server.port, (client) => client.config("SET", name, value));

const violated = (page: MetricsPage, role: string) =>
  Object.fromEntries(
    page.all("redisops_role_contract_violated", { role }).map(({ labels, value }) => [labels.rule, value]),
  );

async function facts(exporter: ExporterUnderTest, role: "sequence" | "preferences" | "rate_limit") {
  return contractFacts(role, await exporter.server.state.probes.runGroup(role, 10_000));
}

describe("a role’s contract", { timeout: patience }, () => {
  // Each rule: what is declared, a setting by which it holds, one by which it does not, and what status says then.
  it.each<
    [
      ContractRule,
      RoleContract,
      readonly [string, string | number],
      readonly [string, string | number],
      RegExp,
    ]
  >([
    [
      "persistence",
      { persistence: "aof" },
      ["appendonly", "yes"],
      ["appendonly", "no"],
      /persistence is none at .*, aof is right: a crash loses/,
    ],
    [
      "persistence",
      { persistence: "rdb" },
      ["save", "3600 1"],
      ["save", ""],
      /persistence is none at .*, rdb is right: a crash loses/,
    ],
    [
      "persistence",
      { persistence: "none" },
      ["save", ""],
      ["save", "3600 1"],
      /persistence is rdb at .*, none is right: a restart brings back/,
    ],
    [
      "eviction",
      { eviction: "noeviction" },
      ["maxmemory-policy", "noeviction"],
      ["maxmemory-policy", "allkeys-lru"],
      /eviction is allkeys-lru at .*, noeviction is right: .*message ids repeat/,
    ],
    [
      "eviction",
      { eviction: "volatile" },
      ["maxmemory-policy", "volatile-ttl"],
      ["maxmemory-policy", "allkeys-lfu"],
      /eviction is allkeys-lfu at .*, volatile is right/,
    ],
    ["replicas", { replicas: 0 }, ["hz", 10], ["hz", 10], /^$/],
    [
      "min_replicas_to_write",
      { min_replicas_to_write: 1 },
      ["min-replicas-to-write", 2],
      ["min-replicas-to-write", 0],
      /min_replicas_to_write is 0 at .*, 1 is right: writes that no replica has/,
    ],
    [
      "min_replicas_to_write",
      { min_replicas_to_write: 0 },
      ["min-replicas-to-write", 0],
      ["min-replicas-to-write", 1],
      /min_replicas_to_write is 1 at .*, 0 is right: writes fail while replicas are away/,
    ],
    [
      "maxmemory",
      { maxmemory: "64mb" },
      ["maxmemory", 64 * 1024 ** 2],
      ["maxmemory", 0],
      /maxmemory is unlimited at .*, 64mb is right: it grows until/,
    ],
    [
      "maxmemory",
      { maxmemory: "unlimited" },
      ["maxmemory", 0],
      ["maxmemory", 104_857_600],
      /maxmemory is 104857600 bytes at .*, unlimited is right: it is full earlier/,
    ],
  ])(
    "%s %j holds, is violated and holds again with the live setting",
    async (rule, contract, [name, good], [other, bad], says) => {
      // Nothing of the role's defaults but what the case is about.
      const exporter = await startExporter(workspace, { roles: { sequence: { ...alone(redis), contract } } });
      const told = async () =>
        (await facts(exporter, "sequence")).filter((fact) => fact.startsWith(`contract violated: ${rule}`));
      await set(redis, name, good);
      expect(violated(await exporter.scrape(), "sequence")[rule]).toBe(0);
      expect(await told()).toEqual([]);
      if (good !== bad) {
        await set(redis, other, bad);
        expect(violated(await exporter.scrape(), "sequence")[rule]).toBe(1);
        expect((await told()).join("\n")).toMatch(says);
        expect((await told()).join("\n")).toContain(at(redis));
        await set(redis, name, good);
        expect(violated(await exporter.scrape(), "sequence")[rule]).toBe(0);
      }
      for (const [setting, value] of [
        ["appendonly", "no"],
        ["save", ""],
        ["maxmemory-policy", "noeviction"],
        ["maxmemory", 0],
        ["min-replicas-to-write", 0],
      ] as const) {
        await set(redis, setting, value);
      }
    },
  );

  it("has defaults for each role, and judges nothing else", async () => {
    const server = { ...alone(redis) };
    const dedup = { ...server, filter: { engine: "bitmap", capacity: 1000 } };
    const exporter = await startExporter(workspace, {
      roles: {
        registry: server,
        rate_limit: server,
        sequence: server,
        preferences: server,
        dedup,
        token_bucket: server,
      },
    });
    const page = await exporter.scrape();
    expect(violated(page, "registry")).toEqual({ eviction: 0 });
    expect(violated(page, "rate_limit")).toEqual({});
    expect(violated(page, "sequence")).toEqual({ eviction: 0, persistence: 1 });
    expect(violated(page, "preferences")).toEqual({ eviction: 0 });
    expect(violated(page, "token_bucket")).toEqual({ eviction: 0 });

    // A cache that may not evict is harmless until it can be full.
    await set(redis, "maxmemory", "100mb");
    expect(violated(await exporter.scrape(), "preferences")).toEqual({ eviction: 1 });
    expect((await facts(exporter, "preferences")).join("\n")).toMatch(
      /eviction is noeviction at .*, evicting is right: .* writes fail/,
    );
    await set(redis, "maxmemory-policy", "allkeys-lru");
    const evicting = await exporter.scrape();
    expect(violated(evicting, "preferences")).toEqual({ eviction: 0 });
    expect(
      ["registry", "sequence", "dedup", "token_bucket"].map((role) => violated(evicting, role).eviction),
    ).toEqual([1, 1, 1, 1]);
    await set(redis, "maxmemory-policy", "noeviction");
    await set(redis, "maxmemory", 0);
  });

  it("falls back on INFO where CONFIG is denied, and leaves out what INFO does not tell", async () => {
    const secret = "password-of-the-user";
    const rules = ["-@all", "%R~*", "~redisops:*", "+set", "+ping", "+info"];
    await withRedis(redis.port, (client) =>
      client.call("ACL", "SETUSER", "u", "reset", "on", `>${secret}`, ...rules),
    );
    const access = { ...alone(redis), username: "u", password: await secretFile(workspace, secret) };
    const contract = {
      persistence: "rdb",
      eviction: "noeviction",
      min_replicas_to_write: 1,
      maxmemory: "limited",
    };
    const exporter = await startExporter(workspace, { roles: { rate_limit: { ...access, contract } } });
    const denied = await exporter.scrape();
    expect(violated(denied, "rate_limit")).toEqual({ eviction: 0, min_replicas_to_write: 1, maxmemory: 1 });
    expect(denied.value("redisops_probe_success", { probe: "contract" })).toBe(1);
    expect(await facts(exporter, "rate_limit")).toContain(
      "contract: persistence cannot be judged, the servers do not tell it",
    );

    await set(redis, "appendonly", "yes");
    await set(redis, "min-replicas-to-write", 1);
    expect(violated(await exporter.scrape(), "rate_limit")).toEqual({
      persistence: 0,
      eviction: 0,
      min_replicas_to_write: 0,
      maxmemory: 1,
    });
    await withRedis(redis.port, (client) => client.call("ACL", "SETUSER", "u", "+config|get"));
    await set(redis, "appendonly", "no");
    expect(violated(await exporter.scrape(), "rate_limit").persistence).toBe(1);
    await set(redis, "min-replicas-to-write", 0);
  });

  it("is judged on replicas too, and says which server violates it", async () => {
    const primary = await startRedis(workspace, { name: "primary" });
    const replica = await startReplica(workspace, primary, { name: "replica" });
    const sentinel = await startSentinel(workspace, { name: "sentinel", primary, primaryName: "p" });
    const role = { topology: "sentinel", sentinels: [at(sentinel)], primary: "p" };
    const exporter = await startExporter(workspace, {
      roles: { sequence: { ...role, contract: { persistence: "none" } } },
    });
    const sound = { persistence: 0, eviction: 0, replicas: 0 };
    await exporter.scrapeUntil(
      "the contract to hold",
      (page) =>
        JSON.stringify(Object.entries(violated(page, "sequence")).sort()) ===
        JSON.stringify(Object.entries(sound).sort()),
    );
    await set(replica, "maxmemory-policy", "volatile-lru");
    expect(violated(await exporter.scrape(), "sequence")).toEqual({ ...sound, eviction: 1 });
    const told = (await facts(exporter, "sequence")).join("\n");
    expect(told).toContain(`eviction is volatile-lru at ${at(replica)}, noeviction`);
    await set(replica, "maxmemory-policy", "noeviction");

    await replica.kill();
    await waitUntil(async () => violated(await exporter.scrape(), "sequence").replicas === 1, {
      what: "the lost replica to violate the contract",
      deadlineMs: patience,
    });
    expect((await facts(exporter, "sequence")).join("\n")).toMatch(
      /replicas is 0 in sync at .*, 1 in sync is right: nothing takes over/,
    );
    // The primary alone can still be judged; nobody can when it is gone.
    expect(violated(await exporter.scrape(), "sequence")).toEqual({ ...sound, replicas: 1 });
    await primary.kill();
    expect(violated(await exporter.scrape(), "sequence")).toEqual({ replicas: 1 });
  });

  it("of a standalone server counts the replicas that are declared", async () => {
    const primary = await startRedis(workspace, { name: "primary" });
    const replica = await startReplica(workspace, primary, { name: "replica" });
    const exporter = await startExporter(workspace, {
      roles: { registry: { ...alone(primary), contract: { replicas: 1 } } },
    });
    const shard = (page: MetricsPage) =>
      ["in_sync", "known", "expected"].map((what) => page.value(`redisops_shard_replicas_${what}`));
    const page = await exporter.scrapeUntil(
      "the replica to be in sync",
      (found) => violated(found, "registry").replicas === 0,
    );
    expect(shard(page)).toEqual([1, 1, 1]);
    await replica.kill();
    const lost = await exporter.scrapeUntil(
      "the replica to be gone",
      (found) => violated(found, "registry").replicas === 1,
    );
    expect(shard(lost)).toEqual([0, 0, 1]);
    expect(lost.verdict("registry")).toBe("up");
  });
});
