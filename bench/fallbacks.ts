import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Redis } from "ioredis";
import CircuitBreaker from "opossum";
import { Registry } from "prom-client";
import { countScript } from "../core/rate-limit/count-script.ts";
import { RateLimiter } from "../fallbacks/rate-limit/rate-limiter.ts";
import { type RedisServer, startRedis } from "../lab/servers/redis.ts";
import { createWorkspace } from "../lab/workspace.ts";
import { alternate, type Benchmark, type Figure, median } from "./harness.ts";

/** One decision about a user, by whoever makes it. */
type Decide = (userId: string) => Promise<unknown>;

interface Pace {
  /** Decisions a second. */
  readonly perSecond: number;
  /** 99th percentile of a decision's time, in microseconds. */
  readonly p99: number;
}

const ROUNDS = 7;
const HEALTHY_DECISIONS = 60_000;
const LOCAL_DECISIONS = 500_000;
/** Decisions under way at the same time: a busy app server. */
const CONCURRENCY = 32;
/** The deadline of ours and of opossum, in milliseconds, and what a timer may be late on a busy machine. */
const DEADLINE = 50;
const TIMER_SLACK = 10;
const DOWN_SECONDS = 60;
const LIMIT = 10;
const WINDOW = 1_000;
const users = Array.from({ length: 4_096 }, (_, index) => `user-${index}`);
const userOf = (index: number): string => users[index % users.length] ?? "";

/**
 * Times rate decisions. The event loop gets its turn every thousand decisions, so that what waits for the network or for
 * a timer can go on.
 */
async function pace(decide: Decide, decisions: number): Promise<Pace> {
  const times = new Float64Array(decisions);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < decisions; index = next++) {
      if (index % 1_000 === 999) await nextTurn();
      const start = performance.now();
      await decide(userOf(index));
      times[index] = performance.now() - start;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const seconds = (performance.now() - start) / 1_000;
  times.sort();
  return { perSecond: decisions / seconds, p99: (times[Math.floor(decisions * 0.99)] ?? 0) * 1_000 };
}

const medianOf = (runs: readonly Pace[], pick: keyof Pace) => median(runs.map((run) => run[pick]));

/** The longest of the first decisions after the server began to hang, in milliseconds. */
async function longestFirstDecision(decide: Decide): Promise<number> {
  const times = await Promise.all(
    Array.from({ length: CONCURRENCY }, async (_, index) => {
      const start = performance.now();
      await decide(userOf(index));
      return performance.now() - start;
    }),
  );
  return Math.max(...times);
}

/** A function that collects garbage, without the whole benchmark being started with a flag. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** Live memory that a minute of decisions at full rate adds, in megabytes, after the first tenth of that time. */
async function memoryGrowth(decide: Decide, seconds: number): Promise<number> {
  const collect = garbageCollector();
  const live = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 1e6;
  };
  const until = async (end: number) => {
    for (let index = 0; performance.now() < end; index++) {
      await decide(userOf(index));
      if (index % 1_000 === 0) await nextTurn();
    }
  };
  const start = performance.now();
  await until(start + seconds * 100);
  const before = live();
  await until(start + seconds * 1_000);
  return live() - before;
}

function contenders(server: RedisServer) {
  const address = { host: "127.0.0.1", port: server.port };
  const bare = new Redis({ ...address, protocol: 2 });
  bare.on("error", () => undefined);
  const guarded = new Redis({ ...address, protocol: 2, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  guarded.on("error", () => undefined);
  const limiter = new RateLimiter(
    { topology: "standalone", address: `127.0.0.1:${server.port}` },
    { limit: LIMIT, windowMs: WINDOW, deadlineMs: DEADLINE, metrics: new Registry() },
  );
  const count = (client: Redis, userId: string) =>
    countScript.run(client, [`rate:${userId}`], [LIMIT, WINDOW]).then((sent) => Number(sent) <= LIMIT);
  const breaker = new CircuitBreaker((userId: string) => count(guarded, userId), {
    timeout: DEADLINE,
    errorThresholdPercentage: 50,
    resetTimeout: 1_000,
  });
  breaker.fallback(() => true);
  const decide = {
    ours: (userId: string) => limiter.check(userId),
    bare: (userId: string) => count(bare, userId),
    opossum: (userId: string) => breaker.fire(userId),
  };
  const close = () => {
    limiter.close();
    breaker.shutdown();
    for (const client of [bare, guarded]) client.disconnect();
  };
  return { decide, limiter, bare, guarded, close };
}

const ratio = (what: string, ours: number, peer: number, target: number, unit = "decisions/s"): Figure => ({
  what,
  unit,
  ours,
  peer,
  target,
  better: unit === "us" ? "lower" : "higher",
});

/**
 * Rate decisions, with the same script on the same server: ours, bare ioredis without deadline or fallback, and ioredis
 * behind opossum with the same deadline and a fallback that allows.
 */
export const fallbacks: Benchmark = async (log) => {
  await using workspace = await createWorkspace("bench");
  const server = await startRedis(workspace, { name: "rate-limit" });
  const { decide, limiter, bare, guarded, close } = contenders(server);
  try {
    await Promise.all([
      limiter.ready(5_000),
      bare.ping(),
      new Promise((ready) => guarded.once("ready", ready)),
    ]);

    log("healthy");
    const healthy = await alternate(
      {
        ours: () => pace(decide.ours, HEALTHY_DECISIONS),
        bare: () => pace(decide.bare, HEALTHY_DECISIONS),
        opossum: () => pace(decide.opossum, HEALTHY_DECISIONS),
      },
      ROUNDS,
    );

    log("hung");
    server.pause();
    const longest = await longestFirstDecision(decide.ours);
    await longestFirstDecision(decide.opossum);
    const local = {
      ours: () => pace(decide.ours, LOCAL_DECISIONS),
      opossum: () => pace(decide.opossum, LOCAL_DECISIONS),
    };
    const hung = await alternate(local, ROUNDS);
    server.resume();

    log("down");
    await server.kill();
    await Promise.all([longestFirstDecision(decide.ours), longestFirstDecision(decide.opossum)]);
    const down = await alternate(local, ROUNDS);
    const growth = await memoryGrowth(decide.ours, DOWN_SECONDS);

    const rate = (runs: readonly Pace[]) => medianOf(runs, "perSecond");
    return [
      ratio("healthy, against bare ioredis", rate(healthy.ours), rate(healthy.bare), 0.9),
      ratio(
        "healthy p99, against bare ioredis",
        medianOf(healthy.ours, "p99"),
        medianOf(healthy.bare, "p99"),
        1.1,
        "us",
      ),
      ratio("healthy, against opossum", rate(healthy.ours), rate(healthy.opossum), 1),
      {
        what: `longest of the first ${CONCURRENCY} decisions when Redis hangs, deadline ${DEADLINE} ms`,
        unit: "ms",
        ours: longest,
        peer: null,
        target: DEADLINE + TIMER_SLACK,
        better: "lower",
      },
      {
        what: "Redis hung",
        unit: "decisions/s",
        ours: rate(hung.ours),
        peer: null,
        target: 500_000,
        better: "higher",
      },
      {
        what: "Redis hung, p99",
        unit: "us",
        ours: medianOf(hung.ours, "p99"),
        peer: null,
        target: 50,
        better: "lower",
      },
      ratio("Redis hung, against opossum", rate(hung.ours), rate(hung.opossum), 1),
      ratio("Redis down, against opossum", rate(down.ours), rate(down.opossum), 1),
      {
        what: `live memory added by ${DOWN_SECONDS} s at full rate with Redis down`,
        unit: "MB",
        ours: growth,
        peer: null,
        target: 1,
        better: "lower",
      },
    ];
  } finally {
    close();
  }
};
