import { fork } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { stringify } from "yaml";
import { raiseScript } from "../core/sequence/counter-scripts.ts";
import { startPostgres } from "../lab/servers/postgres.ts";
import { startRedis } from "../lab/servers/redis.ts";
import { createWorkspace } from "../lab/workspace.ts";
import { alternate, type Benchmark, median } from "./harness.ts";
import { peerProgram, secondsOf } from "./peers.ts";
import { boundedHeap } from "./process-usage.ts";
import { type SequenceJob, type SequenceReport, sequenceKey } from "./sequence-child.ts";

const CONVERSATIONS = 1_000_000;
/** Messages of each conversation, so that their highest has to be found. */
const MESSAGES = 2;
const ROUNDS = 3;
const FLOOR = 105;
const MEGABYTE = 1e6;
const PASSWORD_VARIABLE = "REDISOPS_BENCH_POSTGRES_PASSWORD";

/**
 * Raises the counter of each conversation on an empty Redis, each time in a fresh process. Ours is `redisops recover
 * sequence --all --execute` without its command line: timed from before it connects until every counter is raised and
 * written down, without Node's own start, the plan and the verification; and the writes alone, from memory. The peer is
 * redis-cli --pipe with the same script, one call for each conversation as anybody would write it, from its start to its end;
 * its file is made before. Ours has a hundred conversations in a call.
 */
export const sequence: Benchmark = async (log) => {
  const redisCli = peerProgram("redis-cli");
  await using workspace = await createWorkspace("bench");
  const postgres = await startPostgres(workspace);
  const redis = await startRedis(workspace, { name: "sequence" });
  const client = new Client(postgres.connection);
  const live = new Redis({ host: "127.0.0.1", port: redis.port });
  try {
    await client.connect();
    log(`loading ${CONVERSATIONS * MESSAGES} messages of ${CONVERSATIONS} conversations into Postgres`);
    await client.query(
      "create table messages(conversation_id text not null, message_id text not null, created_at timestamptz not null)",
    );
    // By time, as messages come: those of one conversation are not beside each other.
    await client.query(
      `insert into messages select lpad(((n * 7919) % ${CONVERSATIONS})::text, 36, 'conversation-'),
         '1700000000000-s' || lpad((n / ${CONVERSATIONS} + ${FLOOR - 100 - MESSAGES + 1})::text, 16, '0'),
         now() - interval '1 hour' * (1 - n::float8 / ${CONVERSATIONS * MESSAGES})
       from generate_series(0::bigint, ${CONVERSATIONS * MESSAGES - 1}) as n`,
    );
    await client.query("create index on messages (conversation_id, created_at)");
    await client.query("create index on messages (created_at)");
    await client.query("vacuum analyze messages");
    await client.query("checkpoint");
    const commands = join(await workspace.folder("pipe"), "commands.resp");
    await writeRaises(commands);

    process.env[PASSWORD_VARIABLE] = postgres.password;
    const configuration = stringify({
      platform: "bench",
      roles: { sequence: { topology: "standalone", address: `127.0.0.1:${redis.port}` } },
      postgres: {
        address: `127.0.0.1:${postgres.port}`,
        database: "postgres",
        user: postgres.user,
        password: `\${${PASSWORD_VARIABLE}}`,
        tables: { messages: {} },
      },
      state_dir: await workspace.folder("state"),
    });
    const job = { configuration, conversations: CONVERSATIONS, floor: FLOOR };
    const cacheFolder = await workspace.folder("compile-cache");
    const reports: SequenceReport[] = [];
    const raised = async (seconds: () => Promise<number>) => {
      await live.flushall();
      await live.script("LOAD", raiseScript.source);
      const taken = await seconds();
      const sample = await live.get(sequenceKey(CONVERSATIONS - 1));
      if (sample !== String(FLOOR) || (await live.dbsize()) !== CONVERSATIONS) {
        throw new Error(`counters were not raised: ${await live.dbsize()}, ${sample}`);
      }
      return taken;
    };
    log(`measuring: one round to warm up, then ${ROUNDS}`);
    const seconds = await alternate(
      {
        recover: () =>
          raised(async () => {
            const report = await inChild({ ...job, what: "recover" }, cacheFolder);
            if (report.figures.conversations_behind !== 0) throw new Error("counters are behind");
            reports.push(report);
            return report.seconds;
          }),
        write: () => raised(async () => (await inChild({ ...job, what: "write" }, cacheFolder)).seconds),
        pipe: () =>
          raised(() =>
            secondsOf([redisCli, "-h", "127.0.0.1", "-p", String(redis.port), "--pipe"], {
              inputFile: commands,
            }),
          ),
      },
      ROUNDS,
    );
    const rate = (taken: readonly number[]) => Math.round(CONVERSATIONS / median(taken));
    const peer = rate(seconds.pipe);
    return [
      {
        what: "conversations/s from Postgres against redis-cli --pipe, one call each",
        unit: "conversations/s",
        ours: rate(seconds.recover),
        peer,
        target: 0.8,
        better: "higher",
      },
      {
        what: "conversations/s from memory against redis-cli --pipe, one call each",
        unit: "conversations/s",
        ours: rate(seconds.write),
        peer,
        target: 0.8,
        better: "higher",
      },
      {
        what: "peak memory of the process",
        unit: "MB",
        ours: Math.round(Math.max(...reports.map(({ peakBytes }) => peakBytes)) / MEGABYTE),
        peer: null,
        target: 200,
        better: "lower",
      },
    ];
  } finally {
    live.disconnect();
    await client.end();
  }
};

/** Writes the commands of all conversations as a file for `redis-cli --pipe`. */
async function writeRaises(path: string): Promise<void> {
  const file = createWriteStream(path);
  const bulk = (word: string) => `$${word.length}\r\n${word}\r\n`;
  for (let n = 0; n < CONVERSATIONS; ) {
    let commands = "";
    for (const end = n + 1_000; n < end; n++) {
      commands += `*5\r\n${["EVALSHA", raiseScript.digest, "1", sequenceKey(n), String(FLOOR)].map(bulk).join("")}`;
    }
    if (!file.write(commands)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

async function inChild(job: SequenceJob, cacheFolder: string): Promise<SequenceReport> {
  const child = fork(new URL("./sequence-child.ts", import.meta.url), {
    // As in redisops recover: a small heap, and compiled sources from a cache once it is filled.
    execArgv: ["--import", boundedHeap],
    env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  let report: SequenceReport | undefined;
  child.once("message", (message: SequenceReport) => {
    report = message;
  });
  child.send(job);
  await once(child, "close");
  if (report === undefined) throw new Error(`the recovery failed: ${complaint.trim()}`);
  return report;
}
