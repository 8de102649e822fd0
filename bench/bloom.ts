import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { parse, stringify } from "yaml";
import { bitmapLayout, bytesPerShard } from "../core/filter/bitmap-layout.ts";
import { redisBloomLayout } from "../core/filter/redisbloom-layout.ts";
import { startPostgres } from "../lab/servers/postgres.ts";
import { startRedis } from "../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../lab/workspace.ts";
import { alternate, type Benchmark, type Figure, median } from "./harness.ts";
import { peerProgram, secondsOf, writeSetbits } from "./peers.ts";
import { boundedHeap } from "./process-usage.ts";
import type { RebuildJob, RebuildReport } from "./rebuild-child.ts";

const IDS = 3_000_000;
/** SETBIT does its ids at the same speed whatever their number; a tenth of them keeps the benchmark short. */
const SETBIT_IDS = 300_000;
const ROUNDS = 5;
const TARGET = { capacity: IDS, errorRate: 0.01 };
const QUERY = "select id from notifications";
const KEY = "{bench}:bloom";
const MEGABYTE = 1e6;
const PASSWORD_VARIABLE = "REDISOPS_BENCH_POSTGRES_PASSWORD";

/**
 * Rebuilds the dedup filter from Postgres. Ours is `redisops recover bloom --execute` without its command line, in a fresh
 * process each time: timed from before it connects until the filter is checked, live and caught up, without Node's own
 * start, the plan and the verification; its memory is the peak of the whole process, those included. The peers are
 * timed from their start to their end. The RESP file that redis-cli sends is made before.
 */
export const bloom: Benchmark = async (log) => {
  const psql = peerProgram("psql");
  const redisCli = peerProgram("redis-cli");
  await using workspace = await createWorkspace("bench");
  const postgres = await startPostgres(workspace);
  const redis = await startRedis(workspace, { name: "dedup" });
  const client = new Client(postgres.connection);
  const live = new Redis({ host: "127.0.0.1", port: redis.port });
  try {
    await client.connect();
    log(`loading ${IDS} notifications into Postgres`);
    await client.query("create table notifications(id text primary key, sent_at timestamptz not null)");
    await client.query(
      `insert into notifications select gen_random_uuid()::text, now() - interval '1 hour' * (0.1 + random()) from generate_series(1, ${IDS})`,
    );
    await client.query("create index on notifications (sent_at)");
    await client.query("vacuum analyze notifications");
    await client.query("checkpoint");
    const sample = await client.query<{ id: string }>(`${QUERY} limit ${SETBIT_IDS}`);
    const ids = sample.rows.map((row) => row.id);
    const commands = join(await workspace.folder("setbit"), "commands.resp");
    await writeSetbits(commands, `${KEY}:setbit`, ids, bitmapLayout(TARGET));

    process.env[PASSWORD_VARIABLE] = postgres.password;
    const job: RebuildJob = {
      configuration: stringify({
        platform: "bench",
        roles: {
          dedup: {
            topology: "standalone",
            address: `127.0.0.1:${redis.port}`,
            filter: { engine: "bitmap", key: KEY, capacity: TARGET.capacity, error_rate: TARGET.errorRate },
          },
        },
        postgres: {
          address: `127.0.0.1:${postgres.port}`,
          database: "postgres",
          user: postgres.user,
          password: `\${${PASSWORD_VARIABLE}}`,
          tables: { sent_notifications: {} },
        },
        state_dir: await workspace.folder("state"),
      }),
    };
    const cacheFolder = await workspace.folder("compile-cache");
    const reports: RebuildReport[] = [];
    log(`measuring: one round to warm up, then ${ROUNDS}`);
    const seconds = await alternate(
      {
        ours: async () => {
          const report = await rebuild(job, cacheFolder);
          reports.push(report);
          return report.seconds;
        },
        psql: () =>
          secondsOf([psql, postgres.url, "-X", "-q", "-c", `COPY (${QUERY}) TO STDOUT`], {
            env: { PGPASSWORD: postgres.password },
          }),
        setbit: async () => {
          await live.del(`${KEY}:setbit:0`);
          return secondsOf([redisCli, "-h", "127.0.0.1", "-p", String(redis.port), "--pipe"], {
            inputFile: commands,
          });
        },
      },
      ROUNDS,
    );
    const ours = Math.round(IDS / median(seconds.ours));
    const layout = bitmapLayout(TARGET);
    const filterBytes = layout.shards * bytesPerShard(layout);
    const overhead = Math.max(...reports.slice(1).map((report) => report.peakBytes - filterBytes));
    return [
      {
        what: "ids/s against SETBIT by redis-cli --pipe",
        unit: "ids/s",
        ours,
        peer: Math.round(SETBIT_IDS / median(seconds.setbit)),
        target: 10,
        better: "higher",
      },
      {
        what: "ids/s against psql COPY to /dev/null",
        unit: "ids/s",
        ours,
        peer: Math.round(IDS / median(seconds.psql)),
        target: 0.75,
        better: "higher",
      },
      {
        what: "ids/s from Postgres to the live filter",
        unit: "ids/s",
        ours,
        peer: null,
        target: 1_200_000,
        better: "higher",
      },
      {
        what: "peak memory over the filter's size",
        unit: "MB",
        ours: Math.round(overhead / MEGABYTE),
        peer: null,
        target: 200,
        better: "lower",
      },
      ...(await redisBloomFigures(workspace, job, cacheFolder, log)),
    ];
  } finally {
    live.disconnect();
    await client.end();
  }
};

/** CPU seconds that a server has used. */
async function cpuOf(client: Redis): Promise<number> {
  const info = await client.info("cpu");
  const read = (field: string) => Number(new RegExp(`^${field}:([\\d.]+)`, "m").exec(info)?.[1]);
  return read("used_cpu_user") + read("used_cpu_sys");
}

/** The same rebuild into RedisBloom, id by id and loaded, on the server that REDISOPS_TEST_BLOOM_SERVER starts. */
async function redisBloomFigures(
  workspace: Workspace,
  job: RebuildJob,
  cacheFolder: string,
  log: (line: string) => void,
): Promise<Figure[]> {
  const command = process.env.REDISOPS_TEST_BLOOM_SERVER ?? "";
  if (command === "") {
    log("no RedisBloom: REDISOPS_TEST_BLOOM_SERVER does not say how to start one");
    return [];
  }
  const port = await workspace.port();
  await startRedis(workspace, {
    name: "redisbloom",
    port,
    command: ["/bin/sh", "-c", `exec ${command} ${port}`],
  });
  const live = new Redis({ host: "127.0.0.1", port });
  try {
    const configuration = parse(job.configuration);
    configuration.roles.dedup.address = `127.0.0.1:${port}`;
    configuration.roles.dedup.filter.engine = "redisbloom";
    const peaks: number[] = [];
    const run = async (method: "madd" | "load") => {
      await live.flushall("SYNC");
      const before = await cpuOf(live);
      const report = await rebuild({ configuration: stringify(configuration), method }, cacheFolder);
      peaks.push(report.peakBytes);
      return { seconds: report.seconds, cpu: (await cpuOf(live)) - before };
    };
    log("measuring RedisBloom");
    const runs = await alternate(
      { madd: () => run("madd"), load: () => run("load"), none: () => idle(live) },
      ROUNDS,
    );
    const idsPerSecond = (method: "madd" | "load") =>
      Math.round(IDS / median(runs[method].map(({ seconds }) => seconds)));
    const cpu = (method: "madd" | "load" | "none") => median(runs[method].map((one) => one.cpu));
    const layout = redisBloomLayout({ ...TARGET, scaling: true });
    return [
      {
        what: "RedisBloom: ids/s from Postgres by BF.INSERT",
        unit: "ids/s",
        ours: idsPerSecond("madd"),
        peer: null,
        target: 1_500_000,
        better: "higher",
      },
      {
        what: "RedisBloom: ids/s from Postgres by BF.LOADCHUNK",
        unit: "ids/s",
        ours: idsPerSecond("load"),
        peer: null,
        target: 1_500_000,
        better: "higher",
      },
      {
        what: "RedisBloom: server's CPU, loaded against id by id",
        unit: "ms",
        ours: Math.round(Math.max(0, cpu("load") - cpu("none")) * 1000),
        peer: Math.round((cpu("madd") - cpu("none")) * 1000),
        target: 0.05,
        better: "lower",
      },
      {
        what: "RedisBloom: peak memory over the filter's size",
        unit: "MB",
        ours: Math.round((Math.max(...peaks) - layout.bytes) / MEGABYTE),
        peer: null,
        target: 200,
        better: "lower",
      },
    ];
  } finally {
    live.disconnect();
  }
}

/** What verification and connections cost the server, which both ways have alike: the same look-ups in an empty filter. */
async function idle(live: Redis): Promise<{ seconds: number; cpu: number }> {
  await live.flushall("SYNC");
  await live.call("BF.RESERVE", KEY, TARGET.errorRate, TARGET.capacity);
  const before = await cpuOf(live);
  for (let batch = 0; batch < 24; batch++) {
    await live.call("BF.MEXISTS", KEY, ...Array.from({ length: 500 }, (_, n) => `${batch}-${n}`));
  }
  return { seconds: 0, cpu: (await cpuOf(live)) - before };
}

async function rebuild(job: RebuildJob, cacheFolder: string): Promise<RebuildReport> {
  const child = fork(new URL("./rebuild-child.ts", import.meta.url), {
    // As in redisops recover: a small heap, and compiled sources from a cache once it is filled.
    execArgv: ["--import", boundedHeap],
    env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  let report: RebuildReport | undefined;
  child.once("message", (message: RebuildReport) => {
    report = message;
  });
  child.send(job);
  await once(child, "close");
  if (report?.ids !== IDS) throw new Error(`the rebuild failed: ${complaint.trim() || "it saw too few ids"}`);
  // A filter that was filled fast and wrong is no result.
  if (report.figures.false_negative_ratio !== 0)
    throw new Error("known-sent ids are absent from the rebuilt filter");
  return report;
}
