import { connectKafka } from "../../core/kafka/connect.ts";
import { readPartition } from "../../core/kafka/read-partition.ts";
import { type BulkWriter, openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { type ConversationMaximum, readMaxima } from "../../core/sequence/conversation-maxima.ts";
import { sequenceKeys } from "../../core/sequence/counter.ts";
import { countAbove, countersPerCall, raiseScript } from "../../core/sequence/counter-scripts.ts";
import { RecordMaxima } from "../../core/sequence/kafka-maxima.ts";
import type { Chunk, Plan, RecoveryContext, Run } from "../recovery.ts";
import { eachChunk } from "../run/each-chunk.ts";
import { type SequenceConfig, sequenceConfig, timeouts } from "./sequence-config.ts";
import type { SequenceDetails } from "./sequence-plan.ts";

/** Milliseconds between two positions that are written down. */
const checkpointInterval = 2_000;
/** Conversations of Kafka's records that are gathered before their counters are raised. */
const gathered = 5_000;
/** Counters that are raised before it is asked again whether to go on. */
const batchSize = 2_000;

const postgresPart = "postgres";
const partitionPart = (partition: number) => `kafka-${partition}`;

/** How far the part of Postgres is. In Postgres, where the conversations are anyway. */
interface PostgresPosition {
  /** All conversations up to this one are done. */
  readonly after: string;
  readonly done: number;
}

/** How far a partition is. */
interface PartitionPosition {
  readonly next: number;
}

/** Lays down the parts, works on them and waits for those of other processes. */
export async function executeSequence(
  context: RecoveryContext<"sequence">,
  plan: Plan<SequenceDetails>,
  run: Run,
): Promise<void> {
  const partitions = plan.details.stretches.map(({ partition }) => partitionPart(partition));
  await run.chunks.layDown([postgresPart, ...partitions]);
  await run.step("raise the counters", () => workOnSequence(context, plan, run));
}

/** Raises counters, part by part, until none remains. */
export async function workOnSequence(
  context: RecoveryContext<"sequence">,
  plan: Plan<SequenceDetails>,
  run: Run,
): Promise<void> {
  const config = sequenceConfig(context.config);
  const writer = await openBulkWriter("sequence", config.role, timeouts);
  try {
    const raising = new Raising(context, plan, run, config, writer);
    await eachChunk(run, context.signal, (chunk) => raising.work(chunk));
    raising.report();
  } finally {
    writer.close();
  }
}

class Raising {
  readonly #context: RecoveryContext<"sequence">;
  readonly #plan: Plan<SequenceDetails>;
  readonly #run: Run;
  readonly #config: SequenceConfig;
  readonly #writer: BulkWriter;
  readonly #keyOf: (conversation: string) => string;
  #foreign = 0;
  #malformed = 0;
  #done = 0;
  #savedAt = performance.now();

  constructor(
    context: RecoveryContext<"sequence">,
    plan: Plan<SequenceDetails>,
    run: Run,
    config: SequenceConfig,
    writer: BulkWriter,
  ) {
    this.#context = context;
    this.#plan = plan;
    this.#run = run;
    this.#config = config;
    this.#writer = writer;
    this.#keyOf = sequenceKeys(config.role.key);
  }

  async work(chunk: Chunk): Promise<void> {
    if (chunk.id === postgresPart) await this.#fromPostgres(chunk as Chunk<PostgresPosition>);
    else await this.#fromPartition(chunk as Chunk<PartitionPosition>);
    await this.#writer.flush();
  }

  /** Says what was left alone. */
  report(): void {
    if (this.#foreign > 0) {
      this.#context.onWarning(
        `${this.#foreign} keys hold no counter and were left as they are: compare roles.sequence.key with the applications`,
      );
    }
    if (this.#malformed > 0) {
      this.#context.onWarning(
        `${this.#malformed} records of Kafka had no conversation or no message id where kafka.messages says, and were skipped`,
      );
    }
  }

  async #fromPostgres(chunk: Chunk<PostgresPosition>): Promise<void> {
    const { postgres, source } = this.#config;
    const { margin, since } = this.#plan.details;
    let done = chunk.position?.done ?? 0;
    this.#done += done;
    await readMaxima({
      postgres,
      source,
      margin,
      since: since ?? undefined,
      after: chunk.position?.after,
      signal: this.#context.signal,
      onWaiting: () => this.#run.pace(0),
      onBatch: async (batch, upTo) => {
        await this.#raise(batch);
        done += batch.length;
        this.#progress(batch.length);
        if (upTo !== undefined) await this.#save(() => chunk.checkpoint({ after: upTo, done }));
      },
    });
  }

  async #fromPartition(chunk: Chunk<PartitionPosition>): Promise<void> {
    const { kafka: source } = this.#config;
    const { margin, stretches } = this.#plan.details;
    const stretch = stretches.find(({ partition }) => partitionPart(partition) === chunk.id);
    if (source === undefined || stretch === undefined) return;
    const maxima = new RecordMaxima(source.topic, margin);
    const kafka = connectKafka(source.config);
    let from = chunk.position?.next ?? stretch.from;
    this.#done += from - stretch.from;
    try {
      await readPartition({
        kafka,
        topic: source.topic.topic,
        partition: stretch.partition,
        from,
        to: stretch.to,
        signal: this.#context.signal,
        onBatch: async (records, position) => {
          maxima.take(records);
          if (maxima.size >= gathered) await this.#raise(maxima.drain());
          this.#progress(position - from);
          from = position;
          await this.#save(async () => {
            await this.#raise(maxima.drain());
            await this.#writer.flush();
            await chunk.checkpoint({ next: position });
          });
        },
      });
      await this.#raise(maxima.drain());
      this.#malformed += maxima.malformed;
    } finally {
      await kafka.close();
    }
  }

  async #raise(batch: readonly ConversationMaximum[]): Promise<void> {
    for (let start = 0; start < batch.length; start += batchSize) {
      const part = batch.slice(start, start + batchSize);
      await this.#run.pace(part.length);
      this.#send(part);
      await this.#writer.room();
    }
  }

  #send(batch: readonly ConversationMaximum[]): void {
    const { margin } = this.#plan.details;
    const perCall = countersPerCall(this.#config.role.topology);
    for (let start = 0; start < batch.length; start += perCall) {
      const part = batch.slice(start, start + perCall);
      const [first, ...more] = part.map(({ conversation }) => this.#keyOf(conversation));
      if (first === undefined) continue;
      const floors = part.map(({ sequence }) => countAbove(sequence, margin));
      this.#writer.sendScript(raiseScript, [first, ...more], floors, this.#onReply);
    }
  }

  readonly #onReply = (reply: unknown): void => {
    const [, foreign = 0] = reply as number[];
    this.#foreign += foreign;
  };

  /** Writes down how far it is, when it is time to; only what the target has acknowledged. */
  async #save(checkpoint: () => Promise<void>): Promise<void> {
    if (performance.now() - this.#savedAt < checkpointInterval) return;
    await this.#writer.flush();
    await checkpoint();
    this.#savedAt = performance.now();
  }

  #progress(items: number): void {
    this.#done += items;
    this.#context.onProgress({
      phase: "raise",
      done: this.#done,
      total: Math.max(this.#plan.items, this.#done),
      unit: this.#config.kafka === undefined ? "conversations" : "conversations and records",
    });
  }
}
