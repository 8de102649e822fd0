import type pg from "pg";
import type { Client } from "pg";
import type { MessagesConfig, PostgresConfig } from "../config/postgres-section.ts";
import { RedisopsError } from "../errors.ts";
import { connectPostgres, describePostgres, quoteName } from "../postgres/connect.ts";
import { copyIds } from "../postgres/copy-ids.ts";
import { idText } from "../postgres/copy-tuples.ts";
import { postgresError } from "../postgres/postgres-error.ts";
import { canonicalCount, highestCount } from "./counter-scripts.ts";

/** The highest sequence number that a conversation's messages have. */
export interface ConversationMaximum {
  readonly conversation: string;
  /** In decimal digits as Redis writes them, from 1 on: it may be beyond 2^53. */
  readonly sequence: string;
}

/** Which messages count, and how high their numbers may be. */
export interface MaximaScope {
  readonly source: MessagesConfig;
  /** Only conversations with messages since that moment, in Postgres' text; all of their messages count then. */
  readonly since?: string | undefined;
  /** Numbers so close to the highest that a counter can have are no sequence numbers. */
  readonly margin: number;
}

/** What to read of it, and what to do with it. */
export interface MaximaOptions extends MaximaScope {
  readonly postgres: PostgresConfig;
  /** Only conversations after this one, in the order of their bytes. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
  /**
   * Given some conversations, and up to which one, in the order of the bytes, all have been given. Nothing more is read
   * until the promise is fulfilled.
   */
  onBatch(batch: readonly ConversationMaximum[], upTo: string | undefined): Promise<void>;
  /** Asked every few seconds while Postgres sends nothing; what it rejects with ends the read. */
  onWaiting?(): Promise<void>;
}

/** Milliseconds to connect, for a small statement, between two questions, and without a row until Postgres counts as hung. */
const timeouts = { connect: 5_000, statement: 30_000, waiting: 2_000, silence: 15 * 60_000 };
/** A statement is ended and begun anew where it was after so many milliseconds of rows: Postgres cannot vacuum meanwhile. */
const longestStatement = 5 * 60_000;
/** OIDs of smallint, integer and bigint. */
const integerTypes = [20, 21, 23];
const SPACE = 0x20;

/** Reads what each conversation's highest sequence number is, every conversation once. Rejects with a RedisopsError. */
export async function readMaxima(options: MaximaOptions): Promise<void> {
  let { after } = options;
  const onBatch: MaximaOptions["onBatch"] = async (batch, upTo) => {
    await options.onBatch(batch, upTo);
    after = upTo;
  };
  while ((await readStretch({ ...options, after, onBatch })) === "unfinished");
}

/**
 * The query for {@link ConversationMaximum}s: one column with the number, a blank, the conversation. In the order of the
 * conversations' bytes, whatever the database's collation: Postgres sorts and groups in one go, so that neither side
 * holds more than it sorts at a time, and can go on after any conversation.
 */
export async function maximaQuery(
  client: Client,
  scope: MaximaScope,
  after?: string | undefined,
): Promise<string> {
  const { source, since } = scope;
  const table = quoteName(source.table);
  const conversation = quoteName(source.conversation_column);
  const group = `${conversation}::text COLLATE "C"`;
  const highest = `max(${await placeOf(client, scope)})`;
  const active =
    since === undefined
      ? ""
      : ` AND ${conversation} IN (SELECT ${conversation} FROM ${table} WHERE ${quoteName(source.created_at_column)} >= ${client.escapeLiteral(since)}::timestamptz)`;
  const rest = after === undefined ? "" : ` AND ${group} > ${client.escapeLiteral(after)}`;
  return `SELECT ${highest}::text || ' ' || (${group}) FROM ${table} WHERE ${conversation} IS NOT NULL${active}${rest} GROUP BY (${group}) HAVING ${highest} IS NOT NULL ORDER BY (${group})`;
}

/**
 * SQL for a message's place in its conversation, comparable and null where it has none: a number, or 19 digits. Of the
 * library's ids only the frame is looked at; a regular expression for each of them would double the time of the whole
 * read. What has that frame and no digits in it is found by {@link exactMaxima}.
 */
async function placeOf(client: Client, { source, margin }: MaximaScope): Promise<string> {
  const limit = String(highestCount - BigInt(margin));
  const column = quoteName(source.id_column);
  const { fields } = await client.query(`SELECT ${column} FROM ${quoteName(source.table)} LIMIT 0`);
  if (integerTypes.includes(fields[0]?.dataTypeID ?? 0)) {
    return `CASE WHEN ${column} BETWEEN 1 AND ${limit} THEN ${column} END`;
  }
  const id = `${column}::text`;
  const digits = `lpad(${id}, 19, '0') COLLATE "C"`;
  return `(CASE WHEN length(${id}) = 31 THEN
      CASE WHEN substr(${id}, 14, 2) = '-s' AND substr(${id}, 16) COLLATE "C" <= '${Number.MAX_SAFE_INTEGER}' THEN '000' || substr(${id}, 16) END
    WHEN length(${id}) <= 19 AND ${id} ~ '^[0-9]+$' AND ${digits} <= '${limit}' THEN ${digits}
    END) COLLATE "C"`;
}

/** The same for a few conversations, with every id looked at in full. */
async function exactMaxima(
  client: Client,
  { source, margin }: MaximaScope,
  conversations: readonly string[],
): Promise<ConversationMaximum[]> {
  const id = `${quoteName(source.id_column)}::text`;
  const conversation = quoteName(source.conversation_column);
  const { rows } = await client.query<{ conversation: string; sequence: string | null }>(
    `SELECT ${conversation}::text AS conversation, max(CASE
       WHEN ${id} ~ '^[0-9]{13}-s[0-9]{16}$' AND substr(${id}, 16)::numeric <= ${Number.MAX_SAFE_INTEGER} THEN substr(${id}, 16)::numeric
       WHEN ${id} ~ '^[0-9]{1,19}$' AND ${id}::numeric <= ${highestCount - BigInt(margin)} THEN ${id}::numeric
       END)::text AS sequence
     FROM ${quoteName(source.table)} WHERE ${conversation} = ANY($1) GROUP BY 1`,
    [conversations],
  );
  return rows.flatMap(({ conversation, sequence }) =>
    sequence === null || sequence === "0" ? [] : [{ conversation, sequence }],
  );
}

/** Reads until the end, or for as long as a statement may last. */
async function readStretch(options: MaximaOptions): Promise<"finished" | "unfinished"> {
  const { postgres, signal } = options;
  const target = describePostgres(postgres);
  const over = Symbol("the statement lasted long enough");
  const ended = new AbortController();
  const connection = await connectPostgres(postgres, { connect: timeouts.connect, statement: 0 });
  const watch = new SilenceWatch(target, options.onWaiting, (error) => ended.abort(error));
  let began: number | undefined;
  let upTo = options.after;
  let batch: ConversationMaximum[] = [];
  let doubtful: string[] = [];
  const handOn = async () => {
    const ready = batch;
    const unclear = doubtful;
    batch = [];
    doubtful = [];
    const exact = unclear.length === 0 ? [] : await recheck(options, unclear);
    await options.onBatch(exact.length === 0 ? ready : [...exact, ...ready], upTo);
  };
  try {
    await connection.client.query("SET statement_timeout = 0");
    const query = await maximaQuery(connection.client, options, options.after);
    await copyIds(connection.client, {
      query,
      signal: AbortSignal.any([signal, ended.signal]),
      onId: (bytes, start, end) => {
        const blank = bytes.indexOf(SPACE, start);
        const conversation = idText(bytes, blank + 1, end);
        const digits = bytes.toString("latin1", start, blank);
        // What is no UTF-8 (in a database without an encoding) is not at its place in the order once it is text.
        if (!conversation.includes("\ufffd")) upTo = conversation;
        if (!/^\d+$/.test(digits)) doubtful.push(conversation);
        else if (!/^0+$/.test(digits)) batch.push({ conversation, sequence: canonicalCount(digits) });
      },
      onChunk: async () => {
        began ??= performance.now();
        watch.pause();
        await handOn();
        watch.resume();
        if (performance.now() - began > longestStatement) throw over;
      },
    });
    return "finished";
  } catch (error) {
    if (error === over) return "unfinished";
    signal.throwIfAborted();
    ended.signal.throwIfAborted();
    throw postgresError(error, target);
  } finally {
    watch.stop();
    await connection.close();
  }
}

async function recheck(
  options: MaximaOptions,
  conversations: readonly string[],
): Promise<ConversationMaximum[]> {
  const connection = await connectPostgres(options.postgres, timeouts);
  try {
    return await exactMaxima(connection.client, options, conversations);
  } catch (error) {
    throw postgresError(error, connection.target);
  } finally {
    await connection.close();
  }
}

/** Ends a read whose server sends nothing for too long, and asks its owner whether to go on. */
class SilenceWatch {
  readonly #timer: NodeJS.Timeout;
  #heardAt: number | undefined = performance.now();

  constructor(target: string, onWaiting: (() => Promise<void>) | undefined, end: (error: unknown) => void) {
    let asking = false;
    this.#timer = setInterval(() => {
      if (this.#heardAt === undefined || asking) return;
      if (performance.now() - this.#heardAt > timeouts.silence) {
        end(new RedisopsError("POSTGRES_TIMEOUT", `${target} sent no row for too long`, { target }));
        return;
      }
      asking = true;
      onWaiting?.()
        .catch(end)
        .finally(() => {
          asking = false;
        });
      if (onWaiting === undefined) asking = false;
    }, timeouts.waiting);
  }

  /** The server has done its part. */
  pause(): void {
    this.#heardAt = undefined;
  }

  resume(): void {
    this.#heardAt = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** A moment so many milliseconds ago, by Postgres' clock and in its text. */
export async function momentAgo(client: pg.Client, milliseconds: number): Promise<string> {
  const { rows } = await client.query<{ moment: string }>(
    "SELECT (now() - make_interval(secs => $1::float8 / 1000))::text AS moment",
    [milliseconds],
  );
  return rows[0]?.moment ?? "";
}
