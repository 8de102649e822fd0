import { fork } from "node:child_process";
import { once } from "node:events";
import { Redis } from "ioredis";
import { Client } from "pg";
import { stringify } from "yaml";
import { pendingDeliveriesDdl } from "../core/pending-deliveries/table.ts";
import { formatEntry } from "../core/registry/entry.ts";
import { startPostgres } from "../lab/servers/postgres.ts";
import { startRedis } from "../lab/servers/redis.ts";
import { createWorkspace } from "../lab/workspace.ts";
import type { DrainJob, DrainReport } from "./drain-child.ts";
import { alternate, type Benchmark, median } from "./harness.ts";
import { boundedHeap } from "./process-usage.ts";

/** Waiting messages; fewer by REDISOPS_BENCH_DRAIN_ROWS, for trying out. */
const messages = Number(process.env.REDISOPS_BENCH_DRAIN_ROWS ?? 500_000);
const users = Math.ceil(messages / 5);
const rounds = 3;
const stream = "out";
const megabyte = 1e6;
const passwordVariable = "REDISOPS_BENCH_POSTGRES_PASSWORD";

const columns = `'m-' || n AS message_id, 'user-' || (n % ${users}) AS user_id,
  'conversation-' || (n % 1000) AS conversation_id, repeat('x', 150) AS body`;

/**
 * Drains waiting messages of connected recipients, five each: looks the recipients up in a real registry and adds each
 * message to a real Redis stream, in a fresh process each time. Ours is `redisops recover pending --execute` without its
 * command line, timed from before it connects until it is caught up, with the lock, the journal and the final pass. The
 * peers get the same messages as jobs, one each, do the same to Redis in batches, and need not keep any order; they are
 * timed from the first fetch to the last completion, their own schema and connections being there.
 */
export const drain: Benchmark = async (log) => {
  await using workspace = await createWorkspace("bench");
  const postgres = await startPostgres(workspace);
  const registry = await startRedis(workspace, { name: "registry" });
  const admin = new Client(postgres.connection);
  const live = new Redis({ host: "127.0.0.1", port: registry.port });
  try {
    await admin.connect();
    await admin.query(pendingDeliveriesDdl());
    process.env[passwordVariable] = postgres.password;
    const configuration = stringify({
      platform: "bench",
      roles: { registry: { topology: "standalone", address: `127.0.0.1:${registry.port}` } },
      postgres: {
        address: `127.0.0.1:${postgres.port}`,
        database: "postgres",
        user: postgres.user,
        password: `\${${passwordVariable}}`,
        tables: { pending_deliveries: {} },
      },
      recovery: {
        pending: {
          delivery: { kind: "redis_stream", address: `127.0.0.1:${registry.port}`, stream },
        },
      },
      state_dir: await workspace.folder("state"),
    });
    await connectUsers(live);
    await prepareSchemas(postgres.connection);
    const caches = await workspace.folder("compile-cache");
    // The first one also compiles the sources, which the later ones find in the cache, as an installed redisops does.
    const reports: DrainReport[] = [];
    const drainBy = async (contender: DrainJob["contender"]): Promise<number> => {
      await load(admin, contender);
      await live.del(stream);
      const job = {
        contender,
        configuration,
        postgres: postgres.connection,
        redisPort: registry.port,
        messages,
        stream,
      };
      const report = await runChild(job, caches);
      const streamed = await live.xlen(stream);
      if (streamed !== messages)
        throw new Error(`${contender} handed ${streamed} of ${messages} messages over`);
      const { rows } = await admin.query<{ left: boolean }>(
        `SELECT EXISTS (SELECT FROM ${tables[contender]}) AS left`,
      );
      if (contender !== "pg-boss" && rows[0]?.left !== false)
        throw new Error(`${contender} left messages behind`);
      if (contender === "ours") reports.push(report);
      const rateOf = Math.round(messages / report.seconds);
      log(`${contender}: ${rateOf} messages/s, ${report.cpuSeconds.toFixed(1)} s of its own processor time`);
      return report.seconds;
    };
    log(`${messages} messages: one round to warm up, then ${rounds}`);
    const seconds = await alternate(
      {
        ours: () => drainBy("ours"),
        graphile: () => drainBy("graphile-worker"),
        boss: () => drainBy("pg-boss"),
      },
      rounds,
    );
    const rate = (of: readonly number[]) => Math.round(messages / median(of));
    const ours = rate(seconds.ours);
    const unit = "messages/s";
    const better = "higher";
    return [
      { what: "messages/s with lookup and delivery", unit, ours, peer: null, target: 40_000, better },
      {
        what: "messages/s against graphile-worker, batched",
        unit,
        ours,
        peer: rate(seconds.graphile),
        target: 3,
        better,
      },
      {
        what: "messages/s against pg-boss, batched",
        unit,
        ours,
        peer: rate(seconds.boss),
        target: 3,
        better,
      },
      {
        what: "peak memory of the process",
        unit: "MB",
        ours: Math.round(Math.max(...reports.slice(1).map(({ peakBytes }) => peakBytes)) / megabyte),
        peer: null,
        target: 200,
        better: "lower",
      },
    ];
  } finally {
    live.disconnect();
    await admin.end();
  }
};

const tables: Readonly<Record<DrainJob["contender"], string>> = {
  ours: "pending_deliveries",
  "graphile-worker": "graphile_worker._private_jobs",
  "pg-boss": "pgboss.job",
};

async function connectUsers(live: Redis): Promise<void> {
  const entry = formatEntry({
    serverId: "10.0.0.7:9000",
    connectionId: "9f0c",
    connectedAtMs: 1_700_000_000_000,
    delivery: "queued",
    sinceMs: 1_700_000_000_000,
  });
  for (let first = 0; first < users; first += 10_000) {
    const pipeline = live.pipeline();
    for (let n = first; n < Math.min(users, first + 10_000); n++) pipeline.set(`conn:user-${n}`, entry);
    await pipeline.exec();
  }
}

/** The peers' own tables. */
async function prepareSchemas(connection: DrainJob["postgres"]): Promise<void> {
  const [{ runMigrations, Logger }, { PgBoss }] = await Promise.all([
    import("graphile-worker"),
    import("pg-boss"),
  ]);
  const { host = "", port = 0, user = "", password = "", database = "" } = connection;
  const url = `postgres://${user}:${encodeURIComponent(String(password))}@${host}:${port}/${database}`;
  await runMigrations({ connectionString: url, logger: new Logger(() => () => undefined) });
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  await boss.createQueue("deliver");
  await boss.stop({ graceful: false });
}

/** Fills the contender's table, and empties the others'. */
async function load(admin: Client, contender: DrainJob["contender"]): Promise<void> {
  await admin.query("TRUNCATE pending_deliveries, graphile_worker._private_jobs");
  await admin.query("DELETE FROM pgboss.job");
  const rows = `SELECT ${columns} FROM generate_series(0, ${messages - 1}) AS n`;
  const payload = `json_build_object('messageId', message_id, 'userId', user_id, 'conversationId', conversation_id, 'body', body)`;
  if (contender === "ours") {
    await admin.query(`INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body) ${rows}`);
  } else if (contender === "graphile-worker") {
    await admin.query(`SELECT graphile_worker.add_job('deliver', '{}'::json)`);
    await admin.query(
      `INSERT INTO graphile_worker._private_jobs (task_id, payload)
       SELECT tasks.id, ${payload} FROM (${rows}) AS messages, graphile_worker._private_tasks AS tasks WHERE identifier = 'deliver'`,
    );
    await admin.query("DELETE FROM graphile_worker._private_jobs WHERE payload::text = '{}'");
  } else {
    await admin.query(
      `INSERT INTO pgboss.job (name, data) SELECT 'deliver', ${payload}::jsonb FROM (${rows}) AS messages`,
    );
  }
  await admin.query(`VACUUM ANALYZE ${tables[contender]}`);
  await admin.query("CHECKPOINT");
}

async function runChild(job: DrainJob, cacheFolder: string): Promise<DrainReport> {
  const child = fork(new URL("./drain-child.ts", import.meta.url), {
    // What bin/redisops.js sets as well: a small heap, and compiled sources from a cache once it is filled.
    execArgv: job.contender === "ours" ? ["--import", boundedHeap] : [],
    env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  let report: DrainReport | undefined;
  child.once("message", (message: DrainReport) => {
    report = message;
  });
  child.send(job);
  await once(child, "close");
  if (report === undefined) throw new Error(`${job.contender} failed: ${complaint.trim()}`);
  return report;
}
