import { fork } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { compatibilityPartitioner, ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka";
import { Redis } from "ioredis";
import { stringify } from "yaml";
import { formatConnectionEvent } from "../core/registry/connection-event.ts";
import { formatEntry } from "../core/registry/entry.ts";
import { startKafka } from "../lab/servers/kafka.ts";
import { startRedis } from "../lab/servers/redis.ts";
import { createWorkspace } from "../lab/workspace.ts";
import { alternate, type Benchmark, type Figure, median } from "./harness.ts";
import { peerProgram, secondsOf } from "./peers.ts";
import { boundedHeap } from "./process-usage.ts";
import { benchEvent, type RegistryJob, type RegistryReport } from "./registry-child.ts";

const EVENTS = 1_000_000;
const PARTITIONS = 4;
const ROUNDS = 3;
const TOPIC = "connection-events";
/** Long enough for every entry to be there when they are counted, on a machine that is busy as well. */
const TTL_MS = 3_600_000;
const MEGABYTE = 1e6;
/** Kafka, Redis and two processes take a processor each, and two of them share none. */
const CORES_FOR_TWO = 4;

/**
 * Fills the registry: from events in memory beside `redis-cli --pipe` of the same commands, and from Kafka beside Kafka's
 * client that only counts. Ours runs in a fresh process each time, as redisops does: timed from before it connects,
 * without Node's own start and the plan. redis-cli is timed from its start to its end; its file is made before. The
 * recovery from Kafka runs with the whole engine, its lock in a file, and is timed without its verification, which has
 * to hold.
 */
export const registry: Benchmark = async (log) => {
  const redisCli = peerProgram("redis-cli");
  await using workspace = await createWorkspace("bench");
  const kafka = await startKafka(workspace);
  const server = await startRedis(workspace, { name: "registry" });
  const redis = new Redis(server.port);
  try {
    log(`publishing ${EVENTS} connection events`);
    await kafka.createTopic(TOPIC, { partitions: PARTITIONS, compacted: true });
    await publish(kafka.brokers);
    const commands = join(await workspace.folder("pipe"), "commands.resp");
    await writeSets(commands);
    const configuration = stringify({
      platform: "bench",
      roles: { registry: { topology: "standalone", address: `127.0.0.1:${server.port}` } },
      kafka: { brokers: [kafka.brokers], connection_events: { topic: TOPIC } },
      recovery: { registry: { entry_ttl: "1h" } },
      state_dir: await workspace.folder("state"),
    });
    const cacheFolder = await workspace.folder("compile-cache");
    const child = (what: RegistryJob["what"], partitions: readonly number[] = []) =>
      runChild({ configuration, what, events: EVENTS, partitions }, cacheFolder);
    const filled = async <T>(work: () => Promise<T>): Promise<T> => {
      await redis.flushall();
      const result = await work();
      const entries = await redis.dbsize();
      if (entries !== EVENTS) throw new Error(`the registry has ${entries} entries, not ${EVENTS}`);
      return result;
    };

    let peak = 0;
    const two = availableParallelism() >= CORES_FOR_TWO;
    if (!two) {
      log(
        `two processes are not measured: Kafka, Redis and they need ${CORES_FOR_TWO} processors, and there are ${availableParallelism()}`,
      );
    }
    log(`measuring: one round to warm up, then ${ROUNDS}`);
    const seconds = await alternate(
      {
        write: () => filled(async () => (await child("write")).seconds),
        pipe: () =>
          filled(() =>
            secondsOf([redisCli, "-h", "127.0.0.1", "-p", String(server.port), "--pipe"], {
              inputFile: commands,
            }),
          ),
        recover: () =>
          filled(async () => {
            const report = await child("recover");
            peak = Math.max(peak, report.peakBytes);
            return report.seconds;
          }),
        consume: async () => (await child("consume")).seconds,
        two: async () => {
          if (!two) return Number.NaN;
          const halves = [0, 1].map((half) => child("work", [half, half + 2]));
          const reports = await filled(() => Promise.all(halves));
          return Math.max(...reports.map((report) => report.seconds));
        },
      },
      ROUNDS,
    );
    const rate = (times: readonly number[]) => Math.round(EVENTS / median(times));
    const figures: Figure[] = [
      {
        what: "entries/s from memory against redis-cli --pipe",
        unit: "entries/s",
        ours: rate(seconds.write),
        peer: rate(seconds.pipe),
        target: 1,
        better: "higher",
      },
      {
        what: "events/s from Kafka against its client alone",
        unit: "events/s",
        ours: rate(seconds.recover),
        peer: rate(seconds.consume),
        target: 0.8,
        better: "higher",
      },
      {
        what: "peak memory of the recovery from Kafka",
        unit: "MB",
        ours: Math.round(peak / MEGABYTE),
        peer: null,
        target: 200,
        better: "lower",
      },
    ];
    if (two) {
      figures.push({
        what: "events/s from Kafka by two processes against one",
        unit: "events/s",
        ours: rate(seconds.two),
        peer: rate(seconds.recover),
        target: 1.5,
        better: "higher",
      });
    }
    return figures;
  } finally {
    redis.disconnect();
  }
};

async function publish(brokers: string): Promise<void> {
  const producer = new Producer({
    clientId: "bench",
    bootstrapBrokers: [brokers],
    serializers: stringSerializers,
    partitioner: compatibilityPartitioner,
  });
  const now = Date.now();
  try {
    for (let start = 0; start < EVENTS; start += 10_000) {
      const messages = Array.from({ length: 10_000 }, (_, n) => {
        const event = benchEvent(start + n, now);
        return { topic: TOPIC, key: event.userId, value: formatConnectionEvent(event) };
      });
      await producer.send({ messages, acks: ProduceAcks.LEADER });
    }
  } finally {
    await producer.close();
  }
}

/** The commands that the recovery sends, as a file for `redis-cli --pipe`. */
async function writeSets(path: string): Promise<void> {
  const file = createWriteStream(path);
  const now = Date.now();
  for (let start = 0; start < EVENTS; start += 1_000) {
    let commands = "";
    for (let n = start; n < start + 1_000; n++) {
      const { userId, serverId, connectionId, atMs } = benchEvent(n, now);
      const entry = formatEntry({
        connectedAtMs: atMs,
        connectionId,
        serverId,
        delivery: "queued",
        sinceMs: now,
      });
      const words = ["SET", `conn:${userId}`, entry, "PX", String(TTL_MS), "NX"];
      commands += `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
    }
    if (!file.write(commands)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

async function runChild(job: RegistryJob, cacheFolder: string): Promise<RegistryReport> {
  const child = fork(new URL("./registry-child.ts", import.meta.url), {
    // As in redisops recover: a small heap, and compiled sources from a cache once it is filled. The peer may use what it likes.
    execArgv: job.what === "consume" ? [] : ["--import", boundedHeap],
    env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  let report: RegistryReport | undefined;
  child.once("message", (message: RegistryReport) => {
    report = message;
  });
  child.send(job);
  await once(child, "close");
  if (report === undefined) throw new Error(`${job.what} failed: ${complaint.trim()}`);
  return report;
}
