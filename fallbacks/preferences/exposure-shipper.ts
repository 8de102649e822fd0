import { setTimeout as delay } from "node:timers/promises";
import type { Exposure } from "../../core/exposures/exposure.ts";
import { openSegment, readSegment } from "../../core/exposures/segments.ts";
import { quoteName } from "../../core/postgres/connect.ts";
import type { GuardedPostgres } from "../guard/guarded-postgres.ts";
import { failed } from "../guard/store-failure.ts";
import type { ExposureLog } from "./exposure-log.ts";

/** Longest time for one batch, in milliseconds. */
const insertDeadline = 5_000;
/** Milliseconds between two batches: Postgres has just come back, and decisions come first. */
const pauseMs = 50;

/** Moves recorded exposures to Postgres, where `redisops audit preferences` finds them. */
export class ExposureShipper {
  readonly #log: ExposureLog;
  readonly #database: GuardedPostgres;
  readonly #well: () => boolean;
  readonly #insert: string;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  /** Looks every `everyMs` milliseconds for files to move, and moves them as long as Postgres is `well`. */
  constructor(
    log: ExposureLog,
    database: GuardedPostgres,
    table: string,
    well: () => boolean,
    everyMs: number,
  ) {
    this.#log = log;
    this.#database = database;
    this.#well = well;
    this.#everyMs = everyMs;
    this.#insert = `
      INSERT INTO ${quoteName(table)} (notification_id, channel, user_id, exposed_at)
      SELECT notification_id, channel, user_id, to_timestamp(at / 1000.0)
      FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[]) AS e (notification_id, channel, user_id, at)
      ON CONFLICT DO NOTHING`;
    this.#schedule();
  }

  /** Ends what is under way at the next batch. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#ship()
        // A folder or a table that cannot be used: the files stay, their size is what shows.
        .catch(() => undefined)
        .then(() => {
          if (!this.#closed) this.#schedule();
        });
    }, this.#everyMs).unref();
  }

  async #ship(): Promise<void> {
    await this.#log.seal();
    for (const path of await this.#log.finished()) {
      if (!(await this.#shipFile(path))) return;
    }
  }

  /** Removes the file only after Postgres has committed all of it; a batch that is sent twice counts once. */
  async #shipFile(path: string): Promise<boolean> {
    const file = await openSegment(path);
    if (file === undefined) return true;
    try {
      for await (const { exposures } of readSegment(file)) {
        if (this.#closed || !this.#well() || !(await this.#shipBatch(exposures))) return false;
        await delay(pauseMs, undefined, { ref: false });
      }
    } finally {
      await file.close();
    }
    await this.#log.remove(path);
    return true;
  }

  async #shipBatch(exposures: readonly Exposure[]): Promise<boolean> {
    const columns = [
      exposures.map(({ notificationId }) => notificationId),
      exposures.map(({ channel }) => channel),
      exposures.map(({ userId }) => userId),
      exposures.map(({ at }) => at),
    ];
    return !failed(await this.#database.query(this.#insert, columns, insertDeadline));
  }
}
