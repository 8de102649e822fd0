import { describe, expect, test } from "vitest";
import { askedNodes } from "../../../../exporters/redis/asked-nodes.ts";
import { parseClusterNodes } from "../../../../exporters/redis/cluster-nodes.ts";
import { clusterSamples } from "../../../../exporters/redis/cluster-probe.ts";
import { InfoFields } from "../../../../exporters/redis/info.ts";
import { sentinelsNeeded } from "../../../../exporters/redis/sentinels-probe.ts";
import type { TopologyNode } from "../../../../exporters/redis/topology.ts";
import { youngest } from "../../../../exporters/redis/youngest.ts";

const node = (index: number, kind: TopologyNode["kind"]): TopologyNode => ({
  ...{ address: `h:${index}`, kind, shard: "0", declaredDown: false },
});

describe("the servers that are asked", () => {
  test("are all of them up to 200", () => {
    const nodes = Array.from({ length: 200 }, (_, index) => node(index, "replica"));
    expect(askedNodes(nodes)).toEqual({ asked: nodes, leftOut: 0 });
  });

  test("are the primaries first beyond that, and the rest is counted", () => {
    const replicas = Array.from({ length: 250 }, (_, index) => node(index, "replica"));
    const primaries = Array.from({ length: 30 }, (_, index) => node(1000 + index, "primary"));
    const { asked, leftOut } = askedNodes([...replicas, ...primaries]);
    expect([asked.length, leftOut]).toEqual([200, 80]);
    expect(asked.slice(0, 30)).toEqual(primaries);
  });
});

describe("the view that prevails", () => {
  const view = (epoch: number, digest: string) => Promise.resolve({ epoch, digest });

  test("is the one with the highest epoch, however few share it", async () => {
    expect(await youngest([view(1, "old"), view(1, "old"), view(2, "new")])).toEqual({
      epoch: 2,
      digest: "new",
    });
  });

  test("of the same epoch is the one that most share, as a forgotten node has its own", async () => {
    const views = [view(3, "forgotten"), view(3, "all"), view(3, "all")];
    expect((await youngest(views)).digest).toBe("all");
  });

  test("does not wait for one that hangs, and is a failure when all fail", async () => {
    expect((await youngest([new Promise<never>(() => undefined), view(1, "a")])).digest).toBe("a");
    await expect(youngest([Promise.reject(new Error("gone"))])).rejects.toThrow(AggregateError);
  });
});

const line = (id: string, port: number, flags: string, primary: string, slots: string) =>
  `${id} 10.0.0.1:${port}@1${port} ${flags} ${primary} 0 0 ${port} connected ${slots}`;

test("views agree on the slots whatever else they see differently", () => {
  const seen = (...lines: string[]) => parseClusterNodes(lines.join("\n"), "10.0.0.1:1");
  const one = seen(line("a", 1, "myself,master", "-", "0-8000"), line("b", 2, "master", "-", "8001-16383"));
  const two = seen(
    line("b", 2, "myself,master", "-", "8001-16383"),
    line("a", 1, "master,fail?", "-", "0-8000 [5->-b]"),
  );
  const moved = seen(line("a", 1, "myself,master", "-", "0-7999"), line("b", 2, "master", "-", "8000-16383"));
  expect(one.slotMap).toBe(two.slotMap);
  expect(one.digest).toBe(two.digest);
  expect(moved.slotMap).not.toBe(one.slotMap);
});

test("the worst opinion of a cluster counts, and what is no number is left out", () => {
  const opinion = (...lines: string[]) => new InfoFields(lines.join("\r\n"));
  const infos = [
    opinion(
      "cluster_state:ok",
      "cluster_slots_ok:16384",
      "cluster_slots_fail:0",
      "cluster_known_nodes:6",
      "cluster_current_epoch:9",
    ),
    opinion(
      "cluster_state:fail",
      "cluster_slots_ok:10923",
      "cluster_slots_fail:5461",
      "cluster_known_nodes:x",
      "cluster_current_epoch:7",
    ),
  ];
  const samples = clusterSamples("registry", { infos, slotMaps: new Set(["a", "b"]) });
  expect(samples.map(({ metric, labels, value }) => [metric, labels.state, value])).toEqual([
    ["redisops_cluster_state_ok", undefined, 0],
    ["redisops_cluster_slots", "ok", 10_923],
    ["redisops_cluster_slots", "fail", 5461],
    ["redisops_cluster_known_nodes", undefined, 6],
    ["redisops_cluster_current_epoch", undefined, 9],
    ["redisops_cluster_views", undefined, 2],
  ]);
  expect(clusterSamples("registry", { infos: [], slotMaps: new Set() })).toEqual([]);
});

test.each([
  [1, 0, 1],
  [2, 2, 2],
  [2, 1, 2],
  [3, 2, 3],
  [2, 4, 3],
  [1, 1, 2],
])("a quorum of %i with %i others takes %i Sentinels", (quorum, others, needed) => {
  const primary = new Map([
    ["quorum", String(quorum)],
    ["num-other-sentinels", String(others)],
  ]);
  expect(sentinelsNeeded([{ primary }]).needed).toBe(needed);
});
