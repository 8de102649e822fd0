import { setTimeout as delay } from "node:timers/promises";
import type { Exposure } from "../../core/exposures/exposure.ts";
import { openSegment, readSegment } from "../../core/exposures/segments.ts";
import { quoteName } from "../../core/postgres/connect.ts";
import type { GuardedPostgres } from "../guard/guarded-postgres.ts";
import { failed } from "../guard/store-failure.ts";
import type { CounterSeries } from "../signals/signals.ts";
import type { ExposureLog } from "./exposure-log.ts";

/** Longest time for one batch, in milliseconds. */
const insertDeadline = 5_000;
/** Milliseconds between two batches: Postgres has just come back, and decisions come first. */
const pauseMs = 50;
/** Milliseconds until a file is tried again of which Postgres refused a part. */
const refusedPause = 60_000;
/** Longest wait at the end for a folder whose disk hangs, in milliseconds. */
const closeDeadline = 6_000;

type Shipped = "stored" | "refused" | "unanswered";

/** Moves recorded exposures to Postgres, where `redisops audit preferences` finds them. */
export class ExposureShipper {
  readonly #log: ExposureLog;
  readonly #database: GuardedPostgres;
  readonly #well: () => boolean;
  readonly #insert: string;
  readonly #everyMs: number;
  readonly #refused: CounterSeries;
  #aside = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * Looks every `everyMs` milliseconds for files to move, and moves them as long as Postgres is `well`. `refused` counts
   * batches that Postgres answered with an error.
   */
  constructor(
    log: ExposureLog,
    database: GuardedPostgres,
    table: string,
    well: () => boolean,
    everyMs: number,
    refused: CounterSeries,
  ) {
    this.#log = log;
    this.#database = database;
    this.#well = well;
    this.#everyMs = everyMs;
    this.#refused = refused;
    this.#insert = `
      INSERT INTO ${quoteName(table)} (notification_id, channel, user_id, exposed_at)
      SELECT notification_id, channel, user_id, to_timestamp(at / 1000.0)
      FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[]) AS e (notification_id, channel, user_id, at)
      ON CONFLICT DO NOTHING`;
    this.#schedule();
  }

  /** Ends what is under way at the next batch; does not wait for a disk that hangs. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.race([this.#round, delay(closeDeadline, undefined, { ref: false })]);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#ship()
        // A folder that cannot be used: the files stay, their size is what shows.
        .catch(() => undefined)
        .then(() => {
          if (!this.#closed) this.#schedule();
        });
    }, this.#everyMs).unref();
  }

  async #ship(): Promise<void> {
    await this.#log.seal();
    const now = performance.now();
    const paths = await this.#log.finished();
    const aside = paths.map((path) => [path, this.#aside.get(path) ?? now] as const);
    this.#aside = new Map(aside.filter(([, until]) => until > now));
    for (const path of paths) {
      if (this.#aside.has(path)) continue;
      const shipped = await this.#shipFile(path);
      if (shipped === "unanswered") return;
      if (shipped === "refused") this.#aside.set(path, now + refusedPause);
    }
  }

  /**
   * Removes the file only after Postgres has committed all of it; a batch that is sent twice counts once. A batch that
   * Postgres refuses stays, in its file, and keeps none of the others back.
   */
  async #shipFile(path: string): Promise<Shipped> {
    const file = await openSegment(path);
    if (file === undefined) return "stored";
    let refused = false;
    try {
      for await (const { exposures } of readSegment(file)) {
        const shipped = this.#closed || !this.#well() ? "unanswered" : await this.#shipBatch(exposures);
        if (shipped === "unanswered") return shipped;
        if (shipped === "refused") refused = true;
        await delay(pauseMs, undefined, { ref: false });
      }
    } finally {
      await file.close();
    }
    if (refused) return "refused";
    await this.#log.remove(path);
    return "stored";
  }

  async #shipBatch(exposures: readonly Exposure[]): Promise<Shipped> {
    const columns = [
      exposures.map(({ notificationId }) => notificationId),
      exposures.map(({ channel }) => channel),
      exposures.map(({ userId }) => userId),
      exposures.map(({ at }) => at),
    ];
    try {
      const result = await this.#database.query(this.#insert, columns, insertDeadline);
      return failed(result) ? "unanswered" : "stored";
    } catch {
      this.#refused.pending += 1;
      return "refused";
    }
  }
}
