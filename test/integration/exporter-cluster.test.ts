import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contractFacts, redisFacts } from "../../exporters/status/redis-facts.ts";
import { startClusterNode } from "../../lab/servers/cluster-node.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { type ClusterNode, type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let cluster: RedisCluster;
let exporter: ExporterUnderTest;

const at = ({ port }: { readonly port: number }) => `127.0.0.1:${port}`;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  cluster = await startRedisCluster(workspace, {
    ...{ name: "node", shards: 3, replicasPerShard: 1 },
    config: ["cluster-require-full-coverage no"],
  });
  exporter = await startExporter(workspace, {
    roles: { preferences: { topology: "cluster", nodes: cluster.addresses.slice(0, 2) } },
    exporter: { probe_timeout: "1500ms" },
  });
});

afterAll(async () => {
  await workspace.close();
});

const byShard = (page: MetricsPage, metric: string): Record<string, number> =>
  Object.fromEntries(page.all(metric).map(({ labels, value }) => [labels.shard ?? "", value]));
const nodes = (page: MetricsPage, value: number) =>
  page
    .all("redisops_redis_up")
    .filter((series) => series.value === value)
    .map(({ labels }) => labels.node)
    .sort();
const slots = (page: MetricsPage) =>
  ["assigned", "ok", "pfail", "fail"].map((state) => page.value("redisops_cluster_slots", { state }));
const facts = async () => {
  const results = await exporter.server.state.probes.runGroup("preferences", 10_000);
  return [...redisFacts("preferences", results), ...contractFacts("preferences", results)].join("\n");
};
const member = (shard: number, createdAs: ClusterNode["createdAs"]): ClusterNode => {
  const found = cluster.nodes.find((node) => node.shard === shard && node.createdAs === createdAs);
  if (found === undefined) throw new Error(`no ${createdAs} of shard ${shard}`);
  return found;
};
const settled = (page: MetricsPage) =>
  nodes(page, 1).length === cluster.nodes.length &&
  Object.values(byShard(page, "redisops_shard_replicas_in_sync")).join() === "1,1,1" &&
  page.value("redisops_cluster_views") === 1;

describe("a Redis Cluster", { timeout: patience }, () => {
  it("is shown whole from two configured nodes: servers, slots, agreement, redundancy", async () => {
    const page = await exporter.scrapeUntil("the cluster to be whole", settled);
    expect(nodes(page, 1)).toEqual([...cluster.addresses].sort());
    expect(slots(page)).toEqual([16384, 16384, 0, 0]);
    expect(page.value("redisops_cluster_state_ok")).toBe(1);
    expect(page.value("redisops_cluster_known_nodes")).toBe(6);
    expect(page.value("redisops_cluster_current_epoch")).toBeGreaterThanOrEqual(6);
    expect(page.value("redisops_cluster_uncovered_ratio")).toBe(0);
    expect(byShard(page, "redisops_shard_replicas_expected")).toEqual({ 0: 1, 1: 1, 2: 1 });
    expect(byShard(page, "redisops_shard_replicas_known")).toEqual({ 0: 1, 1: 1, 2: 1 });
    const kinds = page.all("redisops_redis_info").map(({ labels }) => `${labels.kind} ${labels.shard}`);
    expect(kinds.sort()).toEqual(
      [0, 1, 2].flatMap((shard) => [`primary ${shard}`, `replica ${shard}`]).sort(),
    );
    for (const node of cluster.nodes.filter(({ createdAs }) => createdAs === "replica")) {
      expect(page.value("redisops_redis_replication_link_up", { node: at(node) })).toBe(1);
    }
    expect(page.all("redisops_probe_success").map(({ value }) => value)).not.toContain(0);
  });

  it("names the one shard whose replica is gone, although the others have theirs", async () => {
    const replica = member(1, "replica");
    await replica.server.kill();
    const page = await exporter.scrapeUntil("the replica to be out of sync", (found) => {
      return byShard(found, "redisops_shard_replicas_in_sync")[1] === 0;
    });
    expect(byShard(page, "redisops_shard_replicas_in_sync")).toEqual({ 0: 1, 1: 0, 2: 1 });
    expect(byShard(page, "redisops_shard_replicas_expected")[1]).toBe(1);
    expect(nodes(page, 0)).toEqual([at(replica)]);
    expect(page.value("redisops_role_contract_violated", { rule: "replicas" })).toBe(1);
    expect(page.value("redisops_role_key_space_available_ratio")).toBeCloseTo(1);
    expect(await facts()).toMatch(
      /shard 1 has 0 of 1 replicas in sync[\s\S]*contract violated: replicas is 0 in sync at shard 1,/,
    );
    await replica.server.restart({ empty: false });
    await exporter.scrapeUntil("the cluster to be whole", settled);
  });

  it("is followed through a failover between two scrapes", async () => {
    const before = await exporter.scrape();
    const replica = member(0, "replica");
    await withRedis(replica.port, (client) => client.call("CLUSTER", "FAILOVER"));
    await waitUntil(async () => (await cluster.primaryOf(0)).port === replica.port, {
      what: "the replica to be the primary",
      deadlineMs: patience,
    });
    const kindOf = (page: MetricsPage) =>
      page.all("redisops_redis_info", { node: at(replica) }).map(({ labels }) => labels.kind);
    expect(kindOf(before)).toEqual(["replica"]);
    const after = await exporter.scrapeUntil(
      "the cluster to be whole",
      (page) => settled(page) && kindOf(page)[0] === "primary",
    );
    const epochOf = (page: MetricsPage) => byShard(page, "redisops_shard_config_epoch")[0] ?? 0;
    expect(epochOf(after)).toBeGreaterThan(epochOf(before));
    expect(byShard(after, "redisops_shard_config_epoch")[2]).toBe(
      byShard(before, "redisops_shard_config_epoch")[2],
    );
  });

  it("shows the slots on their way when they are moved", async () => {
    const [from, to] = [await cluster.primaryOf(2), await cluster.primaryOf(1)];
    const moved = (await cluster.slotsOf(2)).slice(0, 100);
    await cluster.moveSlots(from, to, moved);
    const after = await exporter.scrapeUntil("the nodes to agree", (page) => {
      const shares = byShard(page, "redisops_shard_key_space_ratio");
      return page.value("redisops_cluster_views") === 1 && (shares[1] ?? 0) > (shares[2] ?? 1);
    });
    expect(
      Object.values(byShard(after, "redisops_shard_key_space_ratio")).reduce((a, b) => a + b, 0),
    ).toBeCloseTo(1);
    expect(slots(after)).toEqual([16384, 16384, 0, 0]);
  });

  it("shows a node that joins, and none that was forgotten", async () => {
    const joining = await startClusterNode(workspace, { name: "joining" });
    await withRedis(joining.port, (client) =>
      client.call("CLUSTER", "MEET", "127.0.0.1", member(0, "primary").port, member(0, "primary").server.bus),
    );
    await exporter.scrapeUntil("the new node", (page) => nodes(page, 1).includes(at(joining)));

    // A spare, to be moved to a shard that loses its replica, is nothing that the others lack.
    const spared = await cluster.primaryOf(2);
    const primaryId = await withRedis(spared.port, (client) => client.call("CLUSTER", "MYID"));
    await withRedis(joining.port, (client) => client.call("CLUSTER", "REPLICATE", String(primaryId)));
    const spare = await exporter.scrapeUntil(
      "the spare replica",
      (page) => Object.values(byShard(page, "redisops_shard_replicas_in_sync")).join() === "1,1,2",
    );
    expect(byShard(spare, "redisops_shard_replicas_expected")).toEqual({ 0: 1, 1: 1, 2: 1 });
    expect(spare.value("redisops_role_contract_violated", { rule: "replicas" })).toBe(0);
    const id = await withRedis(joining.port, async (client) => String(await client.call("CLUSTER", "MYID")));
    await joining.kill();
    // A node that one of them still knows would be passed on to the others.
    await waitUntil(
      async () => {
        for (const { port } of cluster.nodes) {
          await withRedis(port, (client) => client.call("CLUSTER", "FORGET", id)).catch(() => undefined);
        }
        const page = await exporter.scrape();
        return page.all("redisops_redis_up", { node: at(joining) }).length === 0 && settled(page);
      },
      { what: "the node to be forgotten", deadlineMs: patience },
    );
  });

  it("shows all of the rest while a primary hangs, also to ten scrapes at once", async () => {
    const healthy = await exporter.scrapeUntil("the cluster to be whole", settled);
    const hung = await cluster.primaryOf(1);
    hung.server.pause();
    await frozen([hung.server.pid]);
    const names = (page: MetricsPage) =>
      page.series.filter(({ labels }) => labels.node !== undefined && labels.node !== at(hung)).length;
    const pages = await Promise.all(Array.from({ length: 10 }, () => exporter.scrape()));
    for (const page of pages) {
      expect(page.value("redisops_redis_up", { node: at(hung) })).toBe(0);
      expect(page.verdict("preferences")).toBe("up");
      expect(nodes(page, 1)).toHaveLength(5);
    }
    // What the hung one's replica lacks cannot be known, all else can.
    expect(names(pages[0] as MetricsPage)).toBeGreaterThanOrEqual(names(healthy) - 2);
    await exporter.scrapeUntil("the replica to take over", (page) => {
      return Object.values(byShard(page, "redisops_shard_up")).join() === "1,1,1";
    });
    hung.server.resume();
    await exporter.scrapeUntil("the cluster to be whole", settled);
  });

  it("says what share of the keys is lost with all servers of a shard", async () => {
    const lost = cluster.nodes.filter(({ shard }) => shard === 0);
    for (const { server } of lost) await server.kill();
    const page = await exporter.scrapeUntil(
      "the shard to be declared down",
      (found) => (slots(found)[3] ?? 0) > 0,
    );
    const share = byShard(page, "redisops_shard_key_space_ratio")[0] ?? 0;
    expect(page.verdict("preferences")).toBe("up");
    expect(page.value("redisops_role_key_space_available_ratio")).toBeCloseTo(1 - share, 3);
    expect(slots(page)[3]).toBe(Math.round(share * 16384));
    expect(nodes(page, 0)).toEqual(lost.map(at).sort());
    expect(await facts()).toContain(
      `2 of 3 shards accept writes; ${(share * 100).toFixed(1)} % of the key space is without`,
    );
    for (const { server } of lost) await server.restart({ empty: false });
    await exporter.scrapeUntil("the cluster to be whole", settled);
  });

  it("says when slots belong to nobody", async () => {
    const owner = await cluster.primaryOf(0);
    const [slot = 0] = await cluster.slotsOf(0);
    for (const { port } of cluster.nodes) {
      await withRedis(port, (client) => client.call("CLUSTER", "DELSLOTS", slot)).catch(() => undefined);
    }
    const page = await exporter.scrapeUntil("the slot to be nobody’s", (found) => {
      return (found.value("redisops_cluster_uncovered_ratio") ?? 0) > 0;
    });
    expect(page.value("redisops_cluster_uncovered_ratio")).toBeCloseTo(1 / 16384, 8);
    await withRedis(owner.port, (client) => client.call("CLUSTER", "ADDSLOTS", slot));
    await exporter.scrapeUntil(
      "the slot to be served",
      (found) => found.value("redisops_cluster_uncovered_ratio") === 0,
    );
  });
});
