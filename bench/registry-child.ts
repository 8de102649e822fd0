import { Consumer } from "@platformatic/kafka";
import { parseConfig } from "../core/config/load.ts";
import type { ConnectionEvent } from "../core/registry/connection-event.ts";
import { executePlan, preparePlan } from "../recovery/engine.ts";
import type { Chunk, Plan, RecoveryContext, Run } from "../recovery/recovery.ts";
import { registry } from "../recovery/registry/registry.ts";
import type { RegistryDetails } from "../recovery/registry/registry-details.ts";
import { RegistryWriter } from "../recovery/registry/registry-writer.ts";

/** What the parent sends. */
export interface RegistryJob {
  /** The text of a redisops.yaml. */
  readonly configuration: string;
  /**
   * `write`: only the writes, of events that are in memory already. `recover`: the whole recovery from Kafka. `work`: a part
   * of it, as a process does that has joined a run. `consume`: Kafka's client alone, which counts records.
   */
  readonly what: "write" | "recover" | "work" | "consume";
  readonly events: number;
  /** The partitions of `work`. */
  readonly partitions?: readonly number[];
}

/** What the child answers. */
export interface RegistryReport {
  /** From before the connections are made until the last answer is there; without Node's own start and the plan. */
  readonly seconds: number;
  /** Entries written, or records counted. */
  readonly count: number;
  /** The largest resident set that the process ever had. */
  readonly peakBytes: number;
}

/** The event of the n-th user, connected at a time. */
export function benchEvent(n: number, atMs: number): ConnectionEvent {
  const userId = `user-${String(n).padStart(9, "0")}`;
  const serverId = `10.0.${n % 8}.${n % 250}:9000`;
  return { kind: "connected", userId, serverId, connectionId: `c-${n.toString(36).padStart(8, "0")}`, atMs };
}

function contextOf(job: RegistryJob): RecoveryContext<"registry"> {
  return {
    config: parseConfig(job.configuration, "bench"),
    options: { source: "auto" },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: () => undefined,
  };
}

/** A run without an engine, whose parts are this process's alone. */
function runOf(parts: string[]): Run {
  const chunkOf = (id: string): Chunk<never> => ({
    id,
    position: undefined,
    checkpoint: async () => undefined,
    done: async () => undefined,
  });
  return {
    id: "bench",
    step: (_name, work) => work(),
    finish: (_name, work) => work(),
    pace: async () => undefined,
    checkpoint: () => undefined,
    saveCheckpoint: async () => undefined,
    chunks: {
      layDown: async () => undefined,
      claim: async () => {
        const id = parts.shift();
        return id === undefined ? undefined : chunkOf(id);
      },
      remaining: async () => 0,
    },
  };
}

type Measured = Omit<RegistryReport, "peakBytes">;

async function write(job: RegistryJob): Promise<Measured> {
  const now = Date.now();
  const decisions = Array.from({ length: job.events }, (_, n) => ({
    event: benchEvent(n, now),
    newestMs: now,
  }));
  const began = performance.now();
  const writer = await RegistryWriter.open(contextOf(job), runOf([]));
  for (let start = 0; start < decisions.length; start += 10_000) {
    await writer.send(decisions.slice(start, start + 10_000));
  }
  await writer.settle();
  const seconds = (performance.now() - began) / 1000;
  writer.close();
  return { seconds, count: writer.counts.written };
}

async function recover(job: RegistryJob): Promise<Measured> {
  const context = contextOf(job);
  const { plan } = await preparePlan(registry, context);
  const { seconds, verification } = await executePlan(registry, context, plan);
  // A registry that was filled fast and wrong is no result.
  if (!verification.holds) throw new Error(JSON.stringify(verification));
  return { seconds, count: plan.items };
}

async function work(job: RegistryJob): Promise<Measured> {
  const context = contextOf(job);
  const plan = (await registry.plan(context)) as Plan<RegistryDetails>;
  const partitions = job.partitions ?? [];
  const began = performance.now();
  await registry.work?.(context, plan, runOf(partitions.map((partition) => `partition ${partition}`)));
  return { seconds: (performance.now() - began) / 1000, count: 0 };
}

async function consume(job: RegistryJob): Promise<Measured> {
  const { kafka } = contextOf(job).config;
  const topic = kafka?.connection_events?.topic;
  if (kafka === undefined || topic === undefined) throw new Error("no topic");
  const began = performance.now();
  const consumer = new Consumer({
    clientId: "bench",
    bootstrapBrokers: [...kafka.brokers],
    groupId: `bench-${began}`,
  });
  const stream = await consumer.consume({
    topics: [topic],
    mode: "earliest",
    autocommit: false,
    maxWaitTime: 100,
  });
  const count = await new Promise<number>((resolve, reject) => {
    let seen = 0;
    stream.on("data", () => {
      if (++seen === job.events) resolve(seen);
    });
    stream.once("error", reject);
  });
  const seconds = (performance.now() - began) / 1000;
  await consumer.close(true);
  return { seconds, count };
}

if (process.send !== undefined) {
  process.once("message", (job: RegistryJob) => {
    ({ write, recover, work, consume })[job.what](job).then(
      (measured) => {
        const report: RegistryReport = { ...measured, peakBytes: process.resourceUsage().maxRSS * 1024 };
        process.send?.(report, () => process.disconnect());
      },
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        process.exit(1);
      },
    );
  });
}
