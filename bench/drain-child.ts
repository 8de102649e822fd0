import { Redis } from "ioredis";
import pg from "pg";
import { parseConfig } from "../core/config/load.ts";
import { parseEntry } from "../core/registry/entry.ts";
import { executePlan, preparePlan } from "../recovery/engine.ts";
import { pending } from "../recovery/pending/pending.ts";

/** What the parent sends: who drains, and where from and to. Secrets are in the environment. */
export interface DrainJob {
  readonly contender: "ours" | "graphile-worker" | "pg-boss";
  /** Text of a redisops.yaml. */
  readonly configuration: string;
  readonly postgres: pg.ClientConfig;
  readonly redisPort: number;
  readonly messages: number;
  readonly stream: string;
}

/** What the child answers. */
export interface DrainReport {
  readonly seconds: number;
  /** Processor time of the process, its own start included. */
  readonly cpuSeconds: number;
  /** The largest resident set the process ever had, its own start included. */
  readonly peakBytes: number;
}

/** A message as the peers' jobs hold it. */
interface Payload {
  readonly messageId: string;
  readonly userId: string;
  readonly conversationId: string;
  readonly body: string;
}

async function ours({ configuration }: DrainJob): Promise<number> {
  const context = {
    config: parseConfig(configuration, "bench"),
    options: { "retry-set-aside": false },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: () => undefined,
  };
  const { plan } = await preparePlan(pending, context);
  const { seconds } = await executePlan(pending, context, plan);
  return seconds;
}

/** The peers' work on a batch: look the recipients up together, add the messages to the stream together. */
async function handOver(redis: Redis, stream: string, batch: readonly Payload[]): Promise<void> {
  const entries = await redis.mget(batch.map(({ userId }) => `conn:${userId}`));
  const pipeline = redis.pipeline();
  for (const [index, { messageId, userId, conversationId, body }] of batch.entries()) {
    if (parseEntry(entries[index] ?? "") === undefined) throw new Error("a recipient is not connected");
    pipeline.xadd(
      stream,
      "*",
      "message_id",
      messageId,
      "user_id",
      userId,
      "conversation_id",
      conversationId,
      "body",
      body,
    );
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

/**
 * graphile-worker as its documentation has it for throughput: a local queue, completions in batches. It gives a task one
 * job at a time, so that the jobs of one moment are gathered here and handed over together.
 */
async function graphileWorker({ postgres, redisPort, messages, stream }: DrainJob): Promise<number> {
  const { run } = await import("graphile-worker");
  const redis = new Redis({ port: redisPort });
  const pool = new pg.Pool({ ...postgres, max: 10 });
  const concurrentJobs = 2_000;
  let waiting: { payload: Payload; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let left = messages;
  let finished = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    finished = resolve;
  });
  const flush = () => {
    const batch = waiting;
    waiting = [];
    handOver(
      redis,
      stream,
      batch.map(({ payload }) => payload),
    ).then(
      () => {
        left -= batch.length;
        for (const { resolve } of batch) resolve();
        if (left === 0) finished();
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error);
      },
    );
  };
  const started = performance.now();
  const runner = await run({
    pgPool: pool,
    noHandleSignals: true,
    preset: {
      worker: {
        concurrentJobs,
        maxPoolSize: 10,
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        localQueue: { size: 4_000, refetchDelay: { durationMs: 10 } },
      },
    },
    taskList: {
      deliver: (payload: unknown) =>
        new Promise<void>((resolve, reject) => {
          if (waiting.length === 0) setImmediate(flush);
          waiting.push({ payload: payload as Payload, resolve, reject });
        }),
    },
    logger: await silent(),
  });
  await done;
  // Until the last batch of completions is written.
  await runner.stop();
  const seconds = (performance.now() - started) / 1_000;
  redis.disconnect();
  await pool.end();
  return seconds;
}

async function silent() {
  const { Logger } = await import("graphile-worker");
  return new Logger(() => () => undefined);
}

/** pg-boss with batches as large as ours, several at a time. */
async function pgBoss({ postgres, redisPort, messages, stream }: DrainJob): Promise<number> {
  const { PgBoss } = await import("pg-boss");
  const redis = new Redis({ port: redisPort });
  const { host = "", port = 0, user = "", password = "", database = "" } = postgres;
  const boss = new PgBoss({
    host,
    port,
    user,
    password: String(password),
    database,
    max: 10,
    supervise: false,
    schedule: false,
  });
  await boss.start();
  let left = messages;
  const started = performance.now();
  const lane = async (): Promise<void> => {
    while (left > 0) {
      const jobs = await boss.fetch<Payload>("deliver", { batchSize: 2_000 });
      if (jobs.length === 0) return;
      await handOver(
        redis,
        stream,
        jobs.map(({ data }) => data),
      );
      await boss.complete(
        "deliver",
        jobs.map(({ id }) => id),
      );
      left -= jobs.length;
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  const seconds = (performance.now() - started) / 1_000;
  if (left !== 0) throw new Error(`${left} jobs were not found`);
  await boss.stop({ graceful: false });
  redis.disconnect();
  return seconds;
}

const contenders = { ours, "graphile-worker": graphileWorker, "pg-boss": pgBoss };

process.once("message", (job: DrainJob) => {
  contenders[job.contender](job).then(
    (seconds) => {
      const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
      const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
      const report: DrainReport = { seconds, cpuSeconds, peakBytes: maxRSS * 1_024 };
      process.send?.(report, () => process.disconnect());
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
