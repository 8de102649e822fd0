import type { Client } from "pg";
import { RedisopsError } from "../../core/errors.ts";
import {
  connectPostgres,
  describePostgres,
  type PostgresConnection,
  quoteName,
} from "../../core/postgres/connect.ts";
import { copyIds } from "../../core/postgres/copy-ids.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import {
  countRows,
  sampleSentIds,
  sentIdsQuery,
  settleSeconds,
  windowSeconds,
} from "../../core/postgres/sent-ids.ts";
import { postgresPins } from "../pins.ts";
import type { Pin } from "../recovery.ts";
import { type PostgresSource, timeouts } from "./bloom-config.ts";
import type { IdHandlers, IdSource, PartRange, SourceSize } from "./id-source.ts";
import type { Part } from "./part.ts";

/** Moments of a rebuild as Postgres sees them, in text that keeps their precision. */
interface Moments {
  /** Start of the window. */
  readonly from: string;
  /** Where catching up with what is sent during the rebuild starts. */
  readonly recent: string;
}

/** Catch-up starts this long before the read, in seconds: a transaction may commit rows with an earlier time. */
const catchUpOverlap = 60;
/** Ids of a part, about: some seconds of work, which a killed run loses. Each part may cost a scan of its own. */
const idsPerPart = 5_000_000;
/** Most parts unless more are asked for. */
const mostParts = 64;

const asText = (moment: string) => `to_char((${moment}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The table of sent notifications. */
export class PostgresIds implements IdSource<Moments> {
  readonly name = "postgres";
  readonly title: string;
  readonly #source: PostgresSource;
  readonly #database: PostgresConnection;
  #reader: PostgresConnection | undefined;

  private constructor(source: PostgresSource, database: PostgresConnection) {
    this.#source = source;
    this.#database = database;
    this.title = `Postgres ${source.table.table}.${source.table.id_column}`;
  }

  /** Connects. Rejects with a RedisopsError. */
  static async open(source: PostgresSource): Promise<PostgresIds> {
    const { connect, command } = timeouts;
    return new PostgresIds(source, await connectPostgres(source.postgres, { connect, statement: command }));
  }

  async size(): Promise<SourceSize> {
    const { from } = await this.begin();
    const query = sentIdsQuery(this.#database.client, this.#source.table, from);
    const found = await this.#ask((client) => countRows(client, query, timeouts.count));
    if (found.ids === 0) await this.#requireWithinWindow();
    return { ...found, repeats: false };
  }

  async notes() {
    return { facts: [], risks: [] };
  }

  pins(): Promise<Pin[]> {
    return postgresPins(this.#source.postgres);
  }

  async begin(): Promise<Moments> {
    const { rows } = await this.#ask((client) =>
      client.query<{ from: string; recent: string }>(
        `SELECT ${asText("now() - make_interval(secs => $1::float8)")} AS "from",
                ${asText("now() - make_interval(secs => $2::float8)")} AS recent`,
        [windowSeconds(this.#source.table), catchUpOverlap],
      ),
    );
    const row = rows[0];
    if (row === undefined) throw new RedisopsError("POSTGRES_ERROR", "Postgres did not tell the time");
    return row;
  }

  async parts({ from }: Moments, wanted: number | undefined): Promise<readonly PartRange[]> {
    const count = wanted ?? Math.min(mostParts, Math.ceil((await this.size()).ids / idsPerPart));
    if (count <= 1) return [{ source: "postgres", from, to: undefined }];
    const { table: source } = this.#source;
    const time = quoteName(source.sent_at_column);
    // From the first row on: a window may begin long before the table does.
    const { rows } = await this.#ask((client) =>
      client.query<{ moment: string }>(
        `SELECT ${asText("first + (now() - first) * part / $2::float8")} AS moment
         FROM (SELECT least(now(), coalesce(min(${time}), now())) AS first
               FROM ${quoteName(source.table)} WHERE ${time} >= $1::timestamptz) AS bounds,
              generate_series(1, $2::int - 1) AS part ORDER BY part`,
        [from, count],
      ),
    );
    const moments = [...new Set(rows.map(({ moment }) => moment))];
    return [from, ...moments].map((start, index) => ({
      source: "postgres",
      from: start,
      to: moments[index],
    }));
  }

  read(part: Part, handlers: IdHandlers, signal?: AbortSignal): Promise<number> {
    if (part.source !== "postgres") throw new Error("not a part of this source");
    return this.#copy(part.from, part.to, handlers, signal);
  }

  readLatest({ recent }: Moments, handlers: IdHandlers, signal?: AbortSignal): Promise<number> {
    return this.#copy(recent, undefined, handlers, signal);
  }

  sample(count: number, begun?: Moments): Promise<readonly string[]> {
    return this.#ask(async (client) => {
      if (begun === undefined) return sampleSentIds(client, this.#source.table, count);
      const { rows } = await client.query<{ age: number }>(
        "SELECT extract(epoch FROM now() - $1::timestamptz)::float8 AS age",
        [begun.recent],
      );
      const age = Math.max(settleSeconds, rows[0]?.age ?? settleSeconds);
      return sampleSentIds(client, this.#source.table, count, age);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#database.close(), this.#reader?.close()]);
  }

  async #copy(
    from: string,
    to: string | undefined,
    { onId, onRead }: IdHandlers,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { client, target } = await this.#openReader();
    try {
      const query = sentIdsQuery(client, this.#source.table, from, to);
      const { ids } = await copyIds(client, {
        query,
        onId,
        onChunk: onRead,
        ...(signal === undefined ? {} : { signal }),
      });
      return ids;
    } catch (error) {
      this.#reader = undefined;
      await client.end().catch(() => undefined);
      signal?.throwIfAborted();
      throw postgresError(error, target);
    }
  }

  /** A copy closes the connection that it fails on, so everything else uses one of its own. */
  async #openReader(): Promise<PostgresConnection> {
    if (this.#reader !== undefined) return this.#reader;
    const reader = await connectPostgres(this.#source.postgres, { connect: timeouts.connect, statement: 0 });
    try {
      // A timeout that the role or the database sets would end a long read.
      await reader.client.query("SET statement_timeout = 0");
    } catch (error) {
      await reader.close();
      throw postgresError(error, reader.target);
    }
    this.#reader = reader;
    return reader;
  }

  /** Rejects where the window holds nothing although the table has rows: there must be a mistake. */
  async #requireWithinWindow(): Promise<void> {
    const { table: source } = this.#source;
    const table = quoteName(source.table);
    const { rows } = await this.#ask((client) =>
      client.query<{ newest: string | null; filled: boolean }>(
        `SELECT (SELECT max(${quoteName(source.sent_at_column)}) FROM ${table})::text AS newest,
                EXISTS (SELECT 1 FROM ${table}) AS filled`,
      ),
    );
    if (rows[0]?.filled !== true) return;
    throw new RedisopsError(
      "FILTER_SOURCE_EMPTY",
      `${source.table} has rows, but none within the last ${source.window}: the newest ${source.sent_at_column} is ${rows[0].newest ?? "null"}`,
      { target: describePostgres(this.#source.postgres) },
    );
  }

  async #ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await question(this.#database.client);
    } catch (error) {
      throw postgresError(error, this.#database.target);
    }
  }
}
