import { performance } from "node:perf_hooks";
import type { KafkaConnection } from "../../core/kafka/connect.ts";
import { topicPartitions, visitPartition } from "../../core/kafka/read-partition.ts";
import { EventDecisions } from "../../core/registry/event-batch.ts";
import { readConnectionEvent } from "../../core/registry/read-event.ts";
import type { Chunk } from "../recovery.ts";
import type { RegistryWriter } from "./registry-writer.ts";

/** Milliseconds between two checkpoints. */
const CHECKPOINT_MS = 1_000;
/** A look at what came meanwhile that takes less, in milliseconds, has caught up. */
const CAUGHT_UP_MS = 1_000;

/** How far the replay of a partition was, and when, in milliseconds since 1970 by the registry's clock. */
export interface PartitionPosition {
  readonly position: number;
  readonly atMs: number;
}

/** What a replay needs to know of a partition. */
export interface Replay {
  readonly kafka: KafkaConnection;
  readonly topic: string;
  readonly partition: number;
  /** Positions when the run was planned. */
  readonly low: number;
  readonly high: number;
  /** Life of the entries in milliseconds. */
  readonly ttlMs: number;
  readonly signal: AbortSignal;
  readonly writer: RegistryWriter;
  /** Told how many positions have been passed since it was told last. */
  readonly onPassed: (positions: number) => void;
}

/** What a replay came across. */
export interface ReplayCounts {
  /** Records that are no connection events. */
  malformed: number;
  /** Whether events were published faster than they were replayed, so that it ended without having caught up. */
  outrun: boolean;
}

/**
 * Replays a partition from where its part of the run was left: up to where the partition ended when the run was planned,
 * then what came meanwhile, until a look takes less than a second. So an end of a connection that was published while the
 * connection was being written still removes it; one that is published later meets an entry that is there, and the
 * connection server removes that itself.
 */
export async function replayPartition(
  replay: Replay,
  chunk: Chunk<PartitionPosition>,
): Promise<ReplayCounts> {
  const reading = new PartitionReplay(replay, chunk);
  await reading.upTo(replay.high);
  let before = Number.POSITIVE_INFINITY;
  while (true) {
    const began = performance.now();
    const from = reading.position;
    const { partitions } = await topicPartitions(replay.kafka, replay.topic);
    const end = partitions.find(({ partition }) => partition === replay.partition)?.high ?? 0;
    await reading.upTo(end);
    if (performance.now() - began < CAUGHT_UP_MS) break;
    const came = reading.position - from;
    reading.counts.outrun = came >= before;
    if (reading.counts.outrun) break;
    before = came;
  }
  return reading.counts;
}

/**
 * Where the replay goes on; undefined where it begins again, because so much time has passed that entries which were written
 * before may have expired. Writing one a second time is harmless.
 */
function believed(saved: PartitionPosition | undefined, { writer, ttlMs }: Replay): number | undefined {
  return saved !== undefined && writer.nowMs - saved.atMs < ttlMs / 2 ? saved.position : undefined;
}

class PartitionReplay {
  readonly counts: ReplayCounts = { malformed: 0, outrun: false };
  readonly #replay: Replay;
  readonly #chunk: Chunk<PartitionPosition>;
  readonly #decisions = new EventDecisions();
  #position: number;
  /** The position after what was sent last, and is not settled yet. */
  #sentUpTo: number;
  #savedAt = performance.now();

  constructor(replay: Replay, chunk: Chunk<PartitionPosition>) {
    this.#replay = replay;
    this.#chunk = chunk;
    this.#position = believed(chunk.position, replay) ?? replay.low;
    this.#sentUpTo = this.#position;
    replay.onPassed(this.#position - replay.low);
  }

  get position(): number {
    return this.#position;
  }

  async upTo(end: number): Promise<void> {
    const { kafka, topic, partition, signal, writer } = this.#replay;
    let now = writer.nowMs;
    await visitPartition({
      kafka,
      topic,
      partition,
      signal,
      from: this.#position,
      to: end,
      onRecord: (bytes, _keyStart, _keyEnd, start, valueEnd) => {
        // No value: compaction is to forget the user.
        if (start < 0) return;
        const event = readConnectionEvent(bytes, now, start, valueEnd);
        if (event === undefined) this.counts.malformed++;
        else this.#decisions.add(event);
      },
      onPosition: async (position) => {
        await this.#send(position);
        now = writer.nowMs;
      },
    });
    await this.#settle();
  }

  /** While Redis works on one batch, the next one is read and decided on. */
  async #send(position: number): Promise<void> {
    const { writer, onPassed } = this.#replay;
    const decisions = this.#decisions.take();
    await this.#settle();
    await writer.send(decisions);
    this.#sentUpTo = position;
    onPassed(position - this.#position);
    this.#position = position;
  }

  async #settle(): Promise<void> {
    await this.#replay.writer.settle();
    if (performance.now() - this.#savedAt < CHECKPOINT_MS) return;
    await this.#chunk.checkpoint({ position: this.#sentUpTo, atMs: this.#replay.writer.nowMs });
    this.#savedAt = performance.now();
  }
}
