import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { slotOfKey } from "../../lab/servers/cluster-slots.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { type ClusterNode, type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { everyKey, expectDegraded, expectNormal, openTrials, type Trial } from "./fallbacks/trial.ts";

let workspace: Workspace;
let cluster: RedisCluster;
let trials: Trial[];

beforeAll(async () => {
  workspace = await createWorkspace("faults");
  cluster = await startRedisCluster(workspace, {
    name: "cluster",
    shards: 6,
    replicasPerShard: 1,
    // A lost shard must not take the others along.
    config: ["cluster-require-full-coverage no"],
  });
  trials = await openTrials(workspace, { topology: "cluster", nodes: [...cluster.addresses] });
}, 2 * patience);

afterAll(() => workspace.close());

async function setAll(name: string, value: string): Promise<void> {
  for (const { port, server } of cluster.nodes) {
    if (server.running) await withRedis(port, (client) => client.config("SET", name, value));
  }
}

/** The keys of a role that a shard holds. */
async function keysOn(shard: number, { subject }: Trial, keys = everyKey): Promise<number[]> {
  const slots = new Set(await cluster.slotsOf(shard));
  return keys.filter((n) => slots.has(slotOfKey(subject.keyOf(n))));
}

/** The keys of the shard's primary are degraded, and they alone, from when `inject` took it away until `restore`. */
async function expectShardLost(
  errorClass: "refused" | "timeout",
  inject: (primary: ClusterNode) => Promise<void>,
): Promise<ClusterNode> {
  const primary = await cluster.primaryOf(0);
  const keys = new Map<Trial, number[]>();
  for (const trial of trials) keys.set(trial, await keysOn(0, trial));
  const besides = errorClass === "refused" ? ["unreachable" as const] : [];
  await expectDegraded(
    trials,
    (trial) => {
      const affected = keys.get(trial) ?? [];
      expect(affected.length).toBeGreaterThan(0);
      return { errorClass, besides, keys: affected };
    },
    () => inject(primary),
  );
  return primary;
}

/** Few enough at once for the fallback of the affected ones to have room for them all. */
function groupsOf(size: number, keys: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(keys.length / size) }, (_, n) =>
    keys.slice(n * size, (n + 1) * size),
  );
}

async function freeze({ server }: ClusterNode): Promise<void> {
  server.pause();
  await frozen([server.pid]);
}

describe("every role on a Redis Cluster", { timeout: 2 * patience }, () => {
  beforeEach(() => expectNormal(trials), patience);

  it("loses only the keys of a shard that is gone, and gets them back with it", async () => {
    await setAll("cluster-replica-no-failover", "yes");
    const crowd = Array.from({ length: 1_200 }, (_, n) => n);
    const expected = await Promise.all(trials.map((trial) => keysOn(0, trial, crowd)));
    const primary = await expectShardLost("refused", ({ server }) => server.kill());
    for (const [index, trial] of trials.entries()) {
      const affected: number[] = [];
      for (const group of groupsOf(100, crowd)) {
        const verdicts = await trial.decide(group);
        affected.push(...group.filter((_, index) => verdicts[index] === "degraded"));
      }
      expect(affected, trial.subject.role).toEqual(expected[index]);
      // Slots spread the keys at random: four standard deviations of a share of one sixth.
      expect(Math.abs(affected.length / crowd.length - 1 / 6), trial.subject.role).toBeLessThan(0.043);
    }
    await primary.server.restart({ empty: true });
    await expectNormal(trials);
  });

  it("loses only the keys of a shard that hangs, and gets them back with it", async () => {
    await setAll("cluster-replica-no-failover", "yes");
    const primary = await expectShardLost("timeout", freeze);
    primary.server.resume();
    await expectNormal(trials);
  });

  it("is degraded while the cluster refuses to serve, and normal when it serves again", async () => {
    await cluster.untilSettled();
    await setAll("cluster-replica-no-failover", "yes");
    await setAll("cluster-require-full-coverage", "yes");
    const lost = await cluster.primaryOf(0);
    const kept = await Promise.all(
      trials.map(async (trial) => {
        const gone = await keysOn(0, trial);
        return everyKey.filter((n) => !gone.includes(n));
      }),
    );
    await lost.server.kill();
    const witness = await cluster.primaryOf(1);
    await waitUntil(
      () => withRedis(witness.port, async (client) => (await client.cluster("INFO")).includes("state:fail")),
      { what: "the cluster to be down", deadlineMs: patience },
    );
    const before = await Promise.all(trials.map((trial) => trial.failures()));
    for (const [index, trial] of trials.entries()) {
      const { role } = trial.subject;
      const down = async () => {
        await trial.decide(kept[index]);
        return (await trial.failures()).cluster_down > (before[index]?.cluster_down ?? 0);
      };
      await waitUntil(down, { what: `${role} to see the cluster down`, deadlineMs: patience });
      expect(new Set(await trial.decide()), role).toEqual(new Set(["degraded"]));
      expect(await trial.breakersOpen(), role).toBeGreaterThan(0);
    }
    await lost.server.restart({ empty: true });
    await setAll("cluster-require-full-coverage", "no");
    await expectNormal(trials);
  });

  it("does not notice that slots move", async () => {
    await cluster.untilSettled();
    const [from, to] = [await cluster.primaryOf(0), await cluster.primaryOf(1)];
    const used = await Promise.all(
      trials.map(async (trial) => (await keysOn(0, trial)).map((n) => slotOfKey(trial.subject.keyOf(n)))),
    );
    const slots = new Set([...used.flat(), ...(await cluster.slotsOf(0)).slice(0, 200)]);
    const failures = await Promise.all(trials.map((trial) => trial.failures()));
    let moving = true;
    const load = trials.map(async (trial) => {
      const seen: string[] = [];
      while (moving) seen.push(...(await trial.decide()));
      return seen;
    });
    await cluster.moveSlots(from, to, slots).finally(() => {
      moving = false;
    });
    for (const [index, trial] of trials.entries()) {
      const { role } = trial.subject;
      const verdicts = (await load[index]) ?? [];
      expect(verdicts.filter((verdict) => verdict === "degraded").length, role).toBe(0);
      expect(verdicts.length, role).toBeGreaterThan(everyKey.length);
      expect(await trial.failures(), role).toEqual(failures[index]);
    }
    await cluster.moveSlots(to, from, slots);
  });

  it("goes over to the replica of a primary that is gone", async () => {
    await cluster.untilSettled();
    await setAll("cluster-replica-no-failover", "no");
    const primary = await expectShardLost("refused", ({ server }) => server.kill());
    await expectNormal(trials);
    await primary.server.restart({ empty: true });
    await cluster.untilSettled();
    await expectNormal(trials);
  });

  it("goes over to the replica of a primary that hangs", async () => {
    await cluster.untilSettled();
    await setAll("cluster-replica-no-failover", "no");
    const primary = await expectShardLost("timeout", freeze);
    await expectNormal(trials);
    primary.server.resume();
    await cluster.untilSettled();
    await expectNormal(trials);
  });
});
