import type { PostgresConnection } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { sampleSequenceMaxima } from "../../core/postgres/sequence-maxima.ts";
import type { BulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { type ConversationMaximum, readMaxima } from "../../core/sequence/conversation-maxima.ts";
import { sequenceKeys } from "../../core/sequence/counter.ts";
import {
  type CounterStates,
  countAbove,
  countersPerCall,
  isHigher,
  lookedAt,
  lookScript,
} from "../../core/sequence/counter-scripts.ts";
import type { SequenceConfig } from "./sequence-config.ts";

/** Conversations with recent messages that are drawn where not all are compared. */
const sampleSize = 200;

/** How counters compare with what is durable. */
export class Comparison {
  compared = 0;
  /** Below a durable id, or gone. */
  behind = 0;
  /** Gone, of those. */
  missing = 0;
  /** Not below what is durable, but less than the margin above it. */
  short = 0;
  /** Keys that hold no counter. */
  foreign = 0;
  largestShortfall = 0;
  /** The highest durable number of all, in digits. */
  highest = "0";

  /** Below where the recovery would raise them. */
  get low(): number {
    return this.behind + this.short;
  }

  /** Sends a question about each conversation's counter; the answers are counted as they come. */
  ask(
    writer: BulkWriter,
    role: SequenceConfig["role"],
    margin: number,
    batch: readonly ConversationMaximum[],
  ): void {
    const keyOf = sequenceKeys(role.key);
    const perCall = countersPerCall(role.topology);
    for (let start = 0; start < batch.length; start += perCall) {
      const part = batch.slice(start, start + perCall);
      const [first, ...more] = part.map(({ conversation }) => keyOf(conversation));
      if (first === undefined) continue;
      const numbers = part.map(({ sequence }) => sequence);
      const floors = numbers.map((sequence) => countAbove(sequence, margin));
      for (const sequence of numbers) if (isHigher(sequence, this.highest)) this.highest = sequence;
      writer.sendScript(lookScript, [first, ...more], [...numbers, ...floors], (answer) => {
        this.compared += part.length;
        this.#count(lookedAt(answer));
      });
    }
  }

  #count({ behind, missing, short, foreign, furthest }: CounterStates): void {
    this.behind += behind;
    this.missing += missing;
    this.short += short;
    this.foreign += foreign;
    this.largestShortfall = Math.max(this.largestShortfall, furthest);
  }
}

/** What to compare. */
export interface ComparedConversations {
  readonly config: SequenceConfig;
  readonly writer: BulkWriter;
  readonly margin: number;
  readonly since: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Holds the counter of every conversation against Postgres. Maxima are read before the counters, so a counter that works
 * is never below, however many messages are sent meanwhile. Ends early when `enough` is aborted.
 */
export async function compareAll(
  { config, writer, margin, since, signal }: ComparedConversations,
  comparison: Comparison,
  onBatch: (compared: number) => void = () => undefined,
  enough: AbortSignal = signal,
): Promise<"complete" | "partial"> {
  let asked = 0;
  try {
    await readMaxima({
      postgres: config.postgres,
      source: config.source,
      margin,
      since,
      signal: AbortSignal.any([signal, enough]),
      onBatch: async (batch) => {
        comparison.ask(writer, config.role, margin, batch);
        asked += batch.length;
        onBatch(asked);
        await writer.room();
      },
    });
    await writer.flush();
    return "complete";
  } catch (error) {
    signal.throwIfAborted();
    if (!enough.aborted) throw error;
    await writer.flush();
    return "partial";
  }
}

/** Holds the counters of recently active conversations against the highest numbers of their latest messages. */
export async function compareSample(
  { config, writer, margin }: ComparedConversations,
  database: PostgresConnection,
  comparison: Comparison,
): Promise<void> {
  const maxima = await sampleSequenceMaxima(database.client, config.source, sampleSize).catch(
    (error: unknown) => {
      throw postgresError(error, database.target);
    },
  );
  const known = maxima.filter(({ sequence }) => Number.isSafeInteger(sequence) && sequence > 0);
  comparison.ask(
    writer,
    config.role,
    margin,
    known.map(({ conversation, sequence }) => ({ conversation, sequence: String(sequence) })),
  );
  await writer.flush();
}
