import type { CachedPreferences } from "../../core/preferences/cache-entry.ts";
import type { GuardedPostgres } from "../guard/guarded-postgres.ts";
import { failed } from "../guard/store-failure.ts";
import type { CounterSeries } from "../signals/signals.ts";
import { ChangeMemory, type Standing } from "./change-memory.ts";
import {
  type ChangeRow,
  latestChanges,
  type NewChangesFrom,
  newChanges,
  newChangesFrom,
  type Place,
  pageRows,
  snapshotEnd,
} from "./change-query.ts";

/** How closely the changes of preferences are followed. */
export interface ChangeFeedOptions {
  /** Milliseconds between two looks at the changes. Default 250. */
  readonly pollMs?: number | undefined;
  /**
   * Milliseconds for which a look vouches, from its beginning. Default 800: with the deadline of a decision it stays
   * below the second after which an opt-out has to count.
   */
  readonly vouchMs?: number | undefined;
  /** Milliseconds that a look may take. Default 250. */
  readonly pollDeadlineMs?: number | undefined;
  /** Users whose changes are remembered. With more, entries from before the oldest ones are read anew. Default 200,000. */
  readonly maxChangedUsers?: number | undefined;
}

/**
 * Seconds that changes are remembered beyond the life of a cache entry: slack for a Postgres whose clock steps at a
 * failover, and for changes that are committed long after they were made.
 */
const slackSeconds = 900;

/**
 * Pages of new changes that are read one by one. Beyond them, nothing is vouched for that was read before: people who
 * changed nothing are read anew once, instead of everybody being read from Postgres until the last page is there.
 */
const maxPages = 5;

/** A look that is not through with its pages; it goes on there when a page fails. */
interface Look {
  /** When it began: what it vouches for. */
  readonly begun: number;
  /** The snapshot of its first page: all that this one sees is known at the end. */
  target: string | undefined;
}

/**
 * Follows the changes of preferences in Postgres and says which cache entries reflect them.
 *
 * An entry carries the snapshot that it was read from. A change that the snapshot did not see was committed later, so it
 * is among the changes that this has heard of, at the latest one look after its commit. Nothing is expected of the cache:
 * it may lose writes, come back with an old state or take a write long after it was sent.
 */
export class ChangeFeed {
  readonly #database: GuardedPostgres;
  readonly #table: string;
  readonly #pollMs: number;
  readonly #vouchMs: number;
  readonly #deadlineMs: number;
  readonly #entryLife: number;
  readonly #memory: ChangeMemory;
  readonly #refused: CounterSeries;
  readonly #waiting = new Set<() => void>();
  #snapshot: string | undefined;
  #loading: (Look & { below: Place | undefined }) | undefined;
  #updating: (Look & { from: NewChangesFrom; pages: number }) | undefined;
  #vouchedFrom = Number.NEGATIVE_INFINITY;
  #clockAhead = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * `entryLife` is the longest life of a cache entry in seconds; older ones are never current. `refused` counts looks that
   * Postgres answered with an error.
   */
  constructor(
    database: GuardedPostgres,
    table: string,
    entryLife: number,
    refused: CounterSeries,
    options: ChangeFeedOptions = {},
  ) {
    this.#database = database;
    this.#refused = refused;
    this.#table = table;
    this.#entryLife = entryLife;
    this.#pollMs = options.pollMs ?? 250;
    this.#vouchMs = options.vouchMs ?? 800;
    this.#deadlineMs = options.pollDeadlineMs ?? 250;
    this.#memory = new ChangeMemory(options.maxChangedUsers ?? 200_000, (entryLife + slackSeconds) * 1_000);
    void this.#follow();
  }

  /** Whether every change that was committed more than the vouched time ago is known. */
  get vouching(): boolean {
    return performance.now() - this.#vouchedFrom < this.#vouchMs;
  }

  /** Users whose changes are remembered. */
  get changedUsers(): number {
    return this.#memory.size;
  }

  /** Whether a cached entry reflects all changes, as far as they are known at this moment. */
  standing(userId: string, entry: CachedPreferences): Standing {
    const standing = this.#memory.standing(userId, entry);
    if (standing !== "current") return standing;
    const age = (performance.now() + this.#clockAhead) / 1_000 - entry.readAt;
    return this.vouching && age <= this.#entryLife ? "current" : "unknown";
  }

  /** Takes note of a change that this process made in the transaction `version`. */
  note(userId: string, version: number): void {
    this.#memory.add(userId, version);
  }

  /** Waits until the changes are known, for at most so many milliseconds. Answers false when they are not. */
  ready(milliseconds: number): Promise<boolean> {
    if (this.vouching) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve(this.vouching);
      };
      const timer = setTimeout(done, milliseconds);
      this.#waiting.add(done);
    });
  }

  /** Looks at the changes no more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #follow(): Promise<void> {
    const begun = performance.now();
    try {
      const vouchedFrom =
        this.#snapshot === undefined ? await this.#load(begun) : await this.#update(this.#snapshot, begun);
      if (vouchedFrom !== undefined) {
        this.#vouchedFrom = vouchedFrom;
        // After a long look the next one vouches.
        if (this.vouching) for (const done of this.#waiting) done();
      }
    } catch {
      // The statement itself is at fault (no such table, say): nothing is vouched for until that is mended.
      this.#refused.pending += 1;
    }
    this.#memory.expire();
    if (this.#closed) return;
    const rest = this.#pollMs - (performance.now() - begun);
    this.#timer = setTimeout(() => void this.#follow(), Math.max(1, rest)).unref();
  }

  /**
   * Reads the changes from the newest to those that no living entry can be older than. Answers since when they are known,
   * or undefined without an answer.
   */
  async #load(now: number): Promise<number | undefined> {
    if (this.#loading === undefined) {
      this.#vouchedFrom = Number.NEGATIVE_INFINITY;
      this.#memory.clear();
      this.#loading = { begun: now, target: undefined, below: undefined };
    }
    const look = this.#loading;
    for (;;) {
      const rows = await this.#page(latestChanges(this.#table, this.#entryLife + slackSeconds, look.below));
      const snapshot = rows?.[0]?.snapshot;
      if (rows === undefined || snapshot === undefined) return undefined;
      if (this.#elsewhere(snapshot, look.target)) return undefined;
      look.target ??= snapshot;
      for (const { id, version, user_id: userId, flag: old } of rows) {
        if (id === null || version === null || userId === null) continue;
        if (old === true || this.#memory.room === 0) {
          this.#memory.raiseFloor(Number(version) + 1);
          return this.#known(look, look.target);
        }
        this.#memory.add(userId, Number(version));
        look.below = { version, id };
      }
      if (rows.length < pageRows) return this.#known(look, look.target);
    }
  }

  /** Reads what the earlier snapshot did not see. Answers since when that is known, or undefined without an answer. */
  async #update(earlier: string, now: number): Promise<number | undefined> {
    this.#updating ??= { begun: now, target: undefined, pages: 0, from: newChangesFrom(earlier) };
    const look = this.#updating;
    for (;;) {
      const { from } = look;
      const rows = await this.#page(newChanges(this.#table, from));
      const snapshot = rows?.[0]?.snapshot;
      if (rows === undefined || snapshot === undefined) return undefined;
      if (this.#elsewhere(snapshot, look.target ?? earlier)) return undefined;
      look.target ??= snapshot;
      look.pages += 1;
      const begun = this.#take(rows, false);
      const late = this.#take(rows, true);
      if (begun.count < pageRows && late.count < pageRows) return this.#known(look, look.target);
      if (look.pages >= maxPages) {
        // An entry read from a later snapshot than this one's end reflects all that was not read here.
        this.#memory.raiseFloor(snapshotEnd(look.target));
        return this.#known(look, look.target);
      }
      look.from = { snapshot: earlier, begun: begun.last ?? from.begun, late: late.last ?? from.late };
    }
  }

  #known({ begun }: Look, snapshot: string): number {
    this.#snapshot = snapshot;
    this.#loading = undefined;
    this.#updating = undefined;
    return begun;
  }

  /** Whether this is another Postgres, or one restored from before: what is known says nothing about its transactions. */
  #elsewhere(snapshot: string, earlier: string | undefined): boolean {
    if (earlier === undefined || snapshotEnd(snapshot) >= snapshotEnd(earlier)) return false;
    this.#snapshot = undefined;
    this.#loading = undefined;
    this.#updating = undefined;
    this.#vouchedFrom = Number.NEGATIVE_INFINITY;
    return true;
  }

  #take(rows: readonly ChangeRow[], late: boolean) {
    let count = 0;
    let last: { version: string; id: string } | undefined;
    for (const { id, version, user_id: userId, flag } of rows) {
      if (flag !== late || id === null || version === null || userId === null) continue;
      this.#memory.add(userId, Number(version));
      count += 1;
      last = { version, id };
    }
    return { count, last };
  }

  async #page(query: { text: string; values: unknown[] }): Promise<readonly ChangeRow[] | undefined> {
    const result = await this.#database.query<ChangeRow>(query.text, query.values, this.#deadlineMs);
    if (failed(result)) return undefined;
    const clock = result.rows[0]?.clock;
    if (clock !== undefined) this.#clockAhead = clock * 1_000 - performance.now();
    return result.rows;
  }
}
