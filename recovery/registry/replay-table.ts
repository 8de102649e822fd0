import { performance } from "node:perf_hooks";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { EventDecisions } from "../../core/registry/event-batch.ts";
import { isUsable } from "../../core/registry/read-event.ts";
import type { Chunk, RecoveryContext } from "../recovery.ts";
import { countPages, readPages } from "./read-pages.ts";
import type { PostgresSource } from "./registry-source.ts";
import type { RegistryWriter } from "./registry-writer.ts";

/** Milliseconds to connect, and for the rows of some pages. */
const postgresTimeouts = { connect: 5_000, statement: 30_000 };

/** Pages in one statement: 2 MiB, about 20,000 rows. */
const PAGES_AT_ONCE = 256;
/** Pages in one part of the run. */
const PAGES_OF_CHUNK = 16_384;
/** Longest transaction that may still commit a change with an earlier time, in milliseconds. */
const LATE_COMMIT_MS = 60_000;
/** A look at what changed meanwhile that takes less, in milliseconds, has caught up. */
const CAUGHT_UP_MS = 1_000;
/** Looks at what changed meanwhile, at most: each one reads the table. */
const MAX_LOOKS = 5;

interface Pages {
  readonly first: number;
  readonly end: number;
}

/** The parts into which a table of so many pages is divided: their names say which pages they are. */
export function pageChunks(pages: number): string[] {
  const chunks: string[] = [];
  for (let first = 0; first < pages; first += PAGES_OF_CHUNK) {
    chunks.push(`pages ${first}-${Math.min(first + PAGES_OF_CHUNK, pages)}`);
  }
  return chunks;
}

function pagesOf(chunk: string): Pages {
  const [, first, end] = /^pages (\d+)-(\d+)$/.exec(chunk) ?? [];
  return { first: Number(first), end: Number(end) };
}

/** A table of connections that is being replayed. */
export interface TableReplay {
  readonly source: PostgresSource;
  readonly context: RecoveryContext<"registry">;
  readonly writer: RegistryWriter;
  readonly onPassed: (pages: number) => void;
}

/** Replays a part of the table. Answers how many of its rows were of no use. */
export async function replayPages(replay: TableReplay, chunk: Chunk<number>): Promise<number> {
  const { first, end } = pagesOf(chunk.id);
  const from = chunk.position ?? first;
  replay.onPassed(from - first);
  return withPostgres(replay.source, (connection) =>
    replayRange(replay, connection, { first: from, end }, undefined, (page) => chunk.checkpoint(page)),
  );
}

/** Replays what has changed since the plan was made, until a look takes less than a second. */
export async function replayChanges(replay: TableReplay, plannedAtMs: number): Promise<number> {
  return withPostgres(replay.source, async (connection) => {
    let since = plannedAtMs - LATE_COMMIT_MS;
    let unusable = 0;
    for (let look = 1; look <= MAX_LOOKS; look++) {
      const began = performance.now();
      const next = replay.writer.nowMs - LATE_COMMIT_MS;
      const pages = {
        first: 0,
        end: await ask(connection, () => countPages(connection.client, replay.source)),
      };
      unusable += await replayRange({ ...replay, onPassed: () => undefined }, connection, pages, since);
      if (performance.now() - began < CAUGHT_UP_MS) break;
      since = next;
    }
    return unusable;
  });
}

async function replayRange(
  { source, context, writer, onPassed }: TableReplay,
  connection: PostgresConnection,
  pages: Pages,
  changedSinceMs?: number,
  checkpoint: (page: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const decisions = new EventDecisions();
  let unusable = 0;
  let savedAt = performance.now();
  for (let first = pages.first; first < pages.end; first += PAGES_AT_ONCE) {
    context.signal.throwIfAborted();
    const end = Math.min(first + PAGES_AT_ONCE, pages.end);
    const events = await ask(connection, () =>
      readPages(connection.client, source, { first, end }, changedSinceMs),
    );
    // Redis has worked on the rows before these meanwhile.
    await writer.settle();
    if (performance.now() - savedAt > CAUGHT_UP_MS) {
      await checkpoint(first);
      savedAt = performance.now();
    }
    const now = writer.nowMs;
    for (const event of events) {
      if (isUsable(event, now)) decisions.add(event);
      else unusable++;
    }
    await writer.send(decisions.take());
    onPassed(end - first);
  }
  await writer.settle();
  return unusable;
}

/** Runs work on a connection of its own. */
export async function withPostgres<T>(
  { postgres }: PostgresSource,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectPostgres(postgres, postgresTimeouts);
  try {
    return await ask(connection, () => work(connection));
  } finally {
    await connection.close();
  }
}

async function ask<T>({ target }: PostgresConnection, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Error && "code" in error ? postgresError(error, target) : error;
  }
}
