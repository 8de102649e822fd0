import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisFacts } from "../../exporters/status/redis-facts.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../../lab/servers/sentinel.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let servers: RedisServer[];
let sentinels: Sentinels;
let exporter: ExporterUnderTest;

const at = (port: number) => `127.0.0.1:${port}`;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  const primary = await startRedis(workspace, { name: "primary" });
  servers = [primary, await startReplica(workspace, primary, { name: "replica" })];
  sentinels = await startSentinels(workspace, {
    name: "sentinel",
    primary,
    primaryName: "p",
    downAfterMs: 4000,
  });
  exporter = await startExporter(workspace, {
    roles: { dedup: role(sentinels.addresses) },
    exporter: { probe_timeout: "1500ms" },
  });
});

afterAll(async () => {
  await workspace.close();
});

const role = (addresses: readonly string[]) => ({
  ...{ topology: "sentinel", sentinels: addresses, primary: "p" },
  filter: { engine: "bitmap", capacity: 1000 },
});

const group = (page: MetricsPage) =>
  Object.fromEntries(
    [
      "sentinels_reachable",
      "sentinels_needed",
      "sentinel_promotable_replicas",
      "sentinel_failover_possible",
    ].map((name) => [name, page.value(`redisops_${name}`, { role: "dedup" })]),
  );
const healthy = {
  ...{ sentinels_reachable: 3, sentinels_needed: 2 },
  ...{ sentinel_promotable_replicas: 1, sentinel_failover_possible: 1 },
};
const ofSentinels = (page: MetricsPage, name: string) =>
  sentinels.addresses.map((node) => page.value(`redisops_sentinel_${name}`, { role: "dedup", node }));

/** What `redisops status` says of the role now. */
const facts = async () =>
  redisFacts("dedup", await exporter.server.state.probes.runGroup("dedup", 10_000)).join("\n");

/** The primary now, and the other one. */
async function roles(): Promise<{ primary: RedisServer; replica: RedisServer }> {
  const { port } = await sentinels.primaryAddress();
  const primary = servers.find((server) => server.port === port);
  const replica = servers.find((server) => server.port !== port);
  if (primary === undefined || replica === undefined) throw new Error("the primary is none of the servers");
  return { primary, replica };
}

describe("the Sentinels of a role", { timeout: patience }, () => {
  it("say what each of them sees", async () => {
    const page = await exporter.scrapeUntil("a failover to be possible", (found) => {
      return JSON.stringify(group(found)) === JSON.stringify(healthy);
    });
    expect(ofSentinels(page, "up")).toEqual([1, 1, 1]);
    expect(ofSentinels(page, "quorum")).toEqual([2, 2, 2]);
    expect(ofSentinels(page, "known_others")).toEqual([2, 2, 2]);
    expect(ofSentinels(page, "primary_agreed")).toEqual([1, 1, 1]);
    expect(ofSentinels(page, "primary_subjectively_down")).toEqual([0, 0, 0]);
    expect(page.value("redisops_probe_success", { probe: "sentinels" })).toBe(1);
    expect(await facts()).toContain("3 of 3 Sentinels answer");
  });

  it("are counted once when redisops.yaml names one twice", async () => {
    const [first = ""] = sentinels.addresses;
    const twice = await startExporter(workspace, {
      roles: {
        registry: { topology: "sentinel", sentinels: [...sentinels.addresses, first], primary: "p" },
      },
    });
    const page = await twice.scrapeUntil(
      "a failover to be possible",
      (found) => found.value("redisops_sentinel_failover_possible") === 1,
    );
    expect(page.value("redisops_sentinels_reachable")).toBe(3);
    const named = page.all("redisops_sentinel_up").map(({ labels }) => labels.node);
    expect(named.sort()).toEqual([...sentinels.addresses].sort());
  });

  it("cannot fail over when one of three is left, dead or hung, although the primary is well", async () => {
    const [first, second, third] = sentinels.servers;
    await first?.kill();
    const two = await exporter.scrape();
    expect(ofSentinels(two, "up")).toEqual([0, 1, 1]);
    expect(group(two)).toEqual({ ...healthy, sentinels_reachable: 2 });

    second?.pause();
    await frozen([second?.pid ?? 0]);
    // The scrape's own deadline, before the probe's.
    for (const page of [await exporter.scrape(), await exporter.scrape(1.2)]) {
      expect(page.verdict("dedup")).toBe("up");
      expect(ofSentinels(page, "up")).toEqual([0, 0, 1]);
      expect(group(page)).toEqual({ ...healthy, sentinels_reachable: 1, sentinel_failover_possible: 0 });
      expect(page.value("redisops_probe_success", { probe: "sentinels" })).toBe(0);
    }
    expect(await facts()).toContain("failover impossible: 1 of 3 Sentinels answers, 2 are needed");

    await third?.kill();
    second?.resume();
    await second?.kill();
    const none = await exporter.scrape();
    expect(group(none)).toMatchObject({ sentinels_reachable: 0, sentinel_failover_possible: 0 });
    for (const server of sentinels.servers) {
      await server.restart({ empty: false });
      // By default they look at the servers every ten seconds.
      await withRedis(server.port, (client) => client.call("SENTINEL", "DEBUG", "INFO-PERIOD", 1000));
    }
    await exporter.scrapeUntil("a failover to be possible", (page) => {
      return JSON.stringify(group(page)) === JSON.stringify(healthy);
    });
  });

  it("cannot fail over without a replica that may be promoted", async () => {
    const { replica } = await roles();
    await withRedis(replica.port, (client) => client.config("SET", "replica-priority", "0"));
    const page = await exporter.scrapeUntil(
      "no replica to be left",
      (found) => group(found).sentinel_failover_possible === 0,
    );
    expect(group(page)).toEqual({
      ...healthy,
      sentinel_promotable_replicas: 0,
      sentinel_failover_possible: 0,
    });
    expect(await facts()).toContain("failover impossible: no replica can be promoted");
    await withRedis(replica.port, (client) => client.config("SET", "replica-priority", "100"));
    await exporter.scrapeUntil(
      "a failover to be possible",
      (found) => group(found).sentinel_failover_possible === 1,
    );
  });

  it("see the primary down, and are followed to the next one", async () => {
    const { primary, replica } = await roles();
    const before = await exporter.scrape();
    const epoch = (page: MetricsPage) =>
      page.value("redisops_shard_config_epoch", { role: "dedup", shard: "0" }) ?? 0;
    const kindOf = (page: MetricsPage, { port }: RedisServer) =>
      page.all("redisops_redis_info", { node: at(port) }).map(({ labels }) => labels.kind);
    expect([kindOf(before, primary), kindOf(before, replica)]).toEqual([["primary"], ["replica"]]);

    primary.pause();
    await frozen([primary.pid]);
    await exporter.scrapeUntil("a Sentinel to see it down", (page) =>
      ofSentinels(page, "primary_subjectively_down").includes(1),
    );
    const after = await exporter.scrapeUntil("the replica to be the primary", (page) => {
      return page.verdict("dedup") === "up" && kindOf(page, replica)[0] === "primary";
    });
    expect(epoch(after)).toBeGreaterThan(epoch(before));
    expect(page(after, primary)).toBe(0);
    expect(after.value("redisops_shard_replicas_in_sync")).toBe(0);
    expect(await facts()).toContain("0 of 1 replicas in sync");

    primary.resume();
    const back = await exporter.scrapeUntil("the old primary to follow", (found) => {
      return found.value("redisops_shard_replicas_in_sync") === 1;
    });
    expect([kindOf(back, primary), kindOf(back, replica)]).toEqual([["replica"], ["primary"]]);
    await exporter.scrapeUntil("the Sentinels to agree", (found) =>
      ofSentinels(found, "primary_agreed").every((agreed) => agreed === 1),
    );
  });

  it("that redisops.yaml does not all name are counted by what they say of one another", async () => {
    const one = await startExporter(workspace, { roles: { dedup: role(sentinels.addresses.slice(0, 1)) } });
    await one.scrapeUntil("a failover to be possible by the word of one", (found) => {
      return JSON.stringify(group(found)) === JSON.stringify({ ...healthy, sentinels_reachable: 1 });
    });
    // Seen by the Sentinel after down-after-milliseconds.
    for (const server of sentinels.servers.slice(1)) server.pause();
    await one.scrapeUntil("the quorum to be lost", (found) => group(found).sentinel_failover_possible === 0);
    for (const server of sentinels.servers.slice(1)) server.resume();
    await one.scrapeUntil("the quorum to be back", (found) => group(found).sentinel_failover_possible === 1);
    // Those that stood still answer, and do nothing for half a minute: hence the last test.
    const suspended = await exporter.scrapeUntil("the others to be in TILT", (found) => {
      return ofSentinels(found, "tilt").join() === "0,1,1";
    });
    expect(group(suspended)).toEqual({ ...healthy, sentinel_failover_possible: 0 });
    expect(await facts()).toContain(`Sentinel ${sentinels.addresses[2]} has suspended itself (TILT)`);
  });
});

/** Whether the page has a server up. */
function page(found: MetricsPage, { port }: RedisServer): number | undefined {
  return found.value("redisops_redis_up", { node: at(port) });
}
