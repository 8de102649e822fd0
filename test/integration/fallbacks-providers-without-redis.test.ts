import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { long } from "../fixtures/long.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import {
  answeredMore,
  openWorker,
  SteadyLoad,
  sidOf,
  startTwilio,
  twilioAttempt,
  type Worker,
} from "./fallbacks/provider-traffic.ts";

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("providers");
});

afterEach(async () => {
  await workspace.close();
});

const limit = 100;
/** A provider on another continent: much is on its way before the first 429 is back, which is what overshoots. */
const distanceMs = 200;
const accounts = [{ name: "main", limitPerSecond: limit, burst: 10 }];
const labels = { role: "token_bucket", provider: "twilio", account: "main" };

/** Decisions of a worker until now, and those among them that its bucket did not make. */
async function decisions(worker: Worker): Promise<{ all: number; degraded: number }> {
  const page = await worker.page();
  const role = "token_bucket";
  return {
    all: page.value("redisops_decisions_total", { role }) ?? Number.NaN,
    degraded:
      page.value("redisops_decisions_degraded_total", { role, fallback: "breaker_only" }) ?? Number.NaN,
  };
}

/** What came to the decisions of a worker until there were so many more. */
async function decidedMore(worker: Worker, count: number): Promise<{ all: number; degraded: number }> {
  const before = await decisions(worker);
  return waitUntil(
    async () => {
      const now = await decisions(worker);
      const all = now.all - before.all;
      return all >= count && { all, degraded: now.degraded - before.degraded };
    },
    { what: `${count} more decisions`, deadlineMs: patience },
  );
}

const learned = async (worker: Worker) =>
  (await worker.page()).value("redisops_provider_learned_limit", labels) ?? Number.NaN;

/** Share of 429s among the next requests. */
async function throttledShare(twilio: ProviderStandIn, requests: number): Promise<number> {
  const before = twilio.counts(sidOf("main"));
  await answeredMore(twilio, "main", requests);
  const after = twilio.counts(sidOf("main"));
  const throttled = after.throttled - before.throttled;
  return throttled / (throttled + after.accepted - before.accepted);
}

interface Fault {
  readonly what: string;
  readonly begin: (redis: RedisServer) => Promise<void>;
  readonly end: (redis: RedisServer) => Promise<void>;
}

const faults: readonly Fault[] = [
  {
    what: "killed and restarted empty",
    begin: (redis) => redis.kill(),
    end: (redis) => redis.restart({ empty: true }),
  },
  {
    what: "hung",
    async begin(redis) {
      redis.pause();
      await frozen([redis.pid]);
    },
    end: async (redis) => redis.resume(),
  },
];

describe("four workers with twice the account’s limit to send to a distant provider", {
  timeout: 2 * patience,
}, () => {
  // That it hangs is what needs the deadlines as well.
  it.each(faults.filter(({ what }) => long || what === "hung"))(
    "keep 429s under 5 %, once they have learned, with the buckets’ Redis $what",
    async (fault) => {
      const redis = await startRedis(workspace, { name: "redis" });
      const twilio = await startTwilio(workspace, { main: limit });
      const connection = { topology: "standalone" as const, address: `127.0.0.1:${redis.port}` };
      const workers = await Promise.all(
        [1, 2, 3, 4].map(() => openWorker(workspace, connection, { accounts, deadlineMs: 50 })),
      );
      const loads = workers.map(
        (worker) => new SteadyLoad(worker, twilioAttempt(twilio, distanceMs), limit / 2),
      );
      await answeredMore(twilio, "main", limit);

      await fault.begin(redis);
      for (const worker of workers) {
        const hasLearned = async () =>
          (await decisions(worker)).degraded > 0 && (await learned(worker)) < limit;
        await waitUntil(hasLearned, { what: "a worker to learn the limit", deadlineMs: patience });
      }
      await answeredMore(twilio, "main", limit);
      expect(await throttledShare(twilio, 8 * limit)).toBeLessThan(0.05);
      for (const worker of workers) {
        const { all, degraded } = await decidedMore(worker, 20);
        expect(degraded).toBe(all);
      }

      await fault.end(redis);
      for (const worker of workers) {
        const byBucket = async () => (await decidedMore(worker, 20)).degraded === 0;
        await waitUntil(byBucket, { what: "decisions by the bucket again", deadlineMs: patience });
      }
      expect(await throttledShare(twilio, 3 * limit)).toBeLessThan(0.05);
      await Promise.all(loads.map((load) => load.stop()));
    },
  );
});

describe("a cluster that lost a shard", { timeout: patience }, () => {
  it("degrades the accounts of its slots only", async () => {
    const cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3 });
    const names = Array.from({ length: 12 }, (_, n) => `account-${n}`);
    const twilio = await startTwilio(workspace, Object.fromEntries(names.map((name) => [name, 100_000])));
    const connection = { topology: "cluster" as const, nodes: [...cluster.addresses] };
    const shardOf = new Map<string, number>();
    const workers = await Promise.all(
      names.map((name) =>
        openWorker(workspace, connection, {
          accounts: [{ name, limitPerSecond: 1_000 }],
          deadlineMs: 500,
        }),
      ),
    );
    const { default: calculateSlot } = await import("cluster-key-slot");
    for (const shard of [0, 1, 2]) {
      const slots = new Set(await cluster.slotsOf(shard));
      for (const name of names)
        if (slots.has(calculateSlot(`bucket:twilio:${name}`))) shardOf.set(name, shard);
    }
    const lost = names.filter((name) => shardOf.get(name) === 0);
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(names.length);

    await (await cluster.primaryOf(0)).server.kill();
    for (const [index, worker] of workers.entries()) {
      for (let n = 0; n < 10; n += 1) {
        const result = await worker.client.send({ priority: "normal" }, twilioAttempt(twilio));
        expect(result.outcome).toBe("sent");
      }
      expect((await decisions(worker)).degraded > 0).toBe(lost.includes(names[index] ?? ""));
    }
  });
});
