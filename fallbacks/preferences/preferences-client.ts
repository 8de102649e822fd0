import { setTimeout as delay } from "node:timers/promises";
import { type Registry, register } from "prom-client";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { describePostgres } from "../../core/postgres/connect.ts";
import {
  type CachedPreferences,
  decodePreferences,
  encodePreferences,
  entryLife,
  lifeJitter,
} from "../../core/preferences/cache-entry.ts";
import { defaultPreferenceTables, type PreferenceTables } from "../../core/preferences/schema.ts";
import {
  type BulkheadOptions,
  GuardedPostgres,
  type PostgresConnectionConfig,
} from "../guard/guarded-postgres.ts";
import { GuardedStore, type GuardOptions } from "../guard/guarded-store.ts";
import { failed, type StoreFailure, storeFailure } from "../guard/store-failure.ts";
import type { HistogramSeries } from "../signals/batched-histogram.ts";
import { Decisions } from "../signals/decisions.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";
import { ChangeFeed, type ChangeFeedOptions } from "./change-feed.ts";
import { ExposureLog, type ExposureLogOptions } from "./exposure-log.ts";
import { ExposureShipper } from "./exposure-shipper.ts";
import { type PreferenceChange, PreferenceRows } from "./preference-rows.ts";

/** A question that a worker asks before it sends. */
export interface PreferenceCheck {
  readonly userId: string;
  /** Such as `sms`, `email` or `push`. */
  readonly channel: string;
  /** Names the notification in the record of those that were sent on assumption. */
  readonly notificationId: string;
}

/**
 * Where a decision comes from.
 *
 * - `cache`: the cache, and no change is known that its entry does not reflect;
 * - `postgres`: the row itself;
 * - `unverified`: the cache, while Postgres does not say whether the entry still holds; if it says opted in, recorded for
 *   `redisops audit preferences`;
 * - `default`: nobody knew, so the user is assumed to be opted in; recorded as well.
 */
export type PreferenceSource = "cache" | "postgres" | "unverified" | "default";

/** Whether to send. */
export interface PreferenceDecision {
  readonly optedIn: boolean;
  readonly source: PreferenceSource;
  /** Whether a fallback decided, because the cache, or Postgres behind it, gave no answer. */
  readonly degraded: boolean;
}

/** What the client needs beside the cache. */
export interface PreferencesOptions extends GuardOptions {
  /** Postgres, which holds the preferences: the `postgres` section of redisops.yaml. Not a read replica. */
  readonly postgres: PostgresConnectionConfig & {
    readonly tables?: { readonly preferences?: Partial<PreferenceTables> | undefined } | undefined;
  };
  /** Where to record notifications that are sent on assumption. */
  readonly exposures: Omit<ExposureLogOptions, "metrics">;
  /** How much of Postgres the process may take for decisions. */
  readonly bulkhead?: Omit<BulkheadOptions, "metrics"> | undefined;
  /** Seconds that a cache entry lives, give or take a tenth. Default 3,600. */
  readonly ttlSeconds?: number | undefined;
  readonly changes?: ChangeFeedOptions | undefined;
  /** Milliseconds between two looks for recorded exposures to be moved to Postgres. Default 1,000. */
  readonly shipMs?: number | undefined;
}

/**
 * Share of the record that unverified decisions may fill: with Postgres away they are all of the traffic, most of them
 * right, and must not take the place of those that nobody knew anything about.
 */
const unverifiedShare = 0.5;
/** Seconds between reading a row and the start of its entry's life, at most. */
const writeSlack = 60;

/** Milliseconds between two attempts to open a connection for decisions. */
const readyInterval = 50;

/** Longest wait for the statements that follow the changes and move exposures; a look has its own, shorter deadline. */
const sideDeadline = 5_000;

/** A reply is an answer, if a refusal: a cache that takes no writes (full, read-only) still serves reads. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof Error && error.name === "ReplyError") return undefined;
  throw error;
}

/**
 * Says whether a person wants to be notified on a channel: from the cache, else from Postgres through a bulkhead, else by
 * assuming so.
 *
 * An opt-out that is committed counts one second later wherever Postgres can be asked: a cache entry is believed only
 * when it was read after every change of that user (see {@link ChangeFeed}).
 */
export class PreferencesClient {
  readonly #store: GuardedStore;
  readonly #database: GuardedPostgres;
  readonly #side: GuardedPostgres;
  readonly #rows: PreferenceRows;
  readonly #feed: ChangeFeed;
  readonly #exposures: ExposureLog;
  readonly #shipper: ExposureShipper;
  readonly #key: string;
  readonly #ttlMs: number;
  readonly #flights = new Map<string, Promise<CachedPreferences | StoreFailure>>();
  readonly #decisions: Decisions<"postgres" | "unverified" | "opted_in">;
  readonly #cacheSeconds: HistogramSeries;
  readonly #postgresSeconds: HistogramSeries;
  readonly #staleEntries: CounterSeries;

  /** Throws EXPOSURES_UNAVAILABLE when decisions made on assumption could not be recorded. */
  constructor(
    connection: RedisConnectionConfig & { readonly key?: string | undefined },
    options: PreferencesOptions,
  ) {
    const metrics: Registry = options.metrics ?? register;
    const signals = Signals.of(metrics);
    const role = "preferences";
    this.#decisions = new Decisions(role, ["postgres", "unverified", "opted_in"], metrics);
    this.#cacheSeconds = signals.histogram("redisops_preference_read_seconds", { role, source: "cache" });
    this.#postgresSeconds = signals.histogram("redisops_preference_read_seconds", {
      role,
      source: "postgres",
    });
    this.#staleEntries = signals.counter("redisops_preference_stale_entries_total", { role });
    this.#key = connection.key ?? "prefs:{user_id}";
    const ttl = options.ttlSeconds ?? 3_600;
    this.#ttlMs = ttl * 1_000;
    const { postgres } = options;
    const tables = { ...defaultPreferenceTables, ...postgres.tables?.preferences };
    this.#exposures = new ExposureLog({ ...options.exposures, metrics });
    this.#database = new GuardedPostgres(postgres, { ...options.bulkhead, metrics });
    // Apart from the bulkhead: that it is full must not keep this process from hearing of changes.
    this.#side = new GuardedPostgres(postgres, {
      maxConcurrent: 2,
      maxQueued: 2,
      deadlineMs: sideDeadline,
      breaker: { maxBackoffMs: 250 },
      metrics,
    });
    const refused = signals.counter("redisops_store_failures_total", {
      role: "postgres",
      error_class: "other",
    });
    this.#rows = new PreferenceRows(this.#database, tables.table, describePostgres(postgres), refused);
    // Connects at once, so after all that throws.
    this.#store = new GuardedStore(role, connection, options);
    const longestLife = ttl * (1 + lifeJitter) + writeSlack;
    this.#feed = new ChangeFeed(this.#side, tables.changes_table, longestLife, refused, options.changes);
    const well = () => this.#feed.vouching;
    this.#shipper = new ExposureShipper(
      this.#exposures,
      this.#side,
      tables.exposures_table,
      well,
      options.shipMs ?? 1_000,
      refused,
    );
  }

  /**
   * Waits until the cache is connected, changes are followed and a connection for decisions is open, for at most so many
   * milliseconds. Answers false when one of them is not.
   */
  async ready(milliseconds: number): Promise<boolean> {
    const [cache, postgres] = await Promise.all([
      this.#store.ready(milliseconds),
      this.#readyPostgres(performance.now() + milliseconds),
    ]);
    return cache && postgres;
  }

  async #readyPostgres(end: number): Promise<boolean> {
    if (!(await this.#feed.ready(end - performance.now()))) return false;
    for (;;) {
      const left = Math.max(1, end - performance.now());
      const answer = await this.#database.query("SELECT 1", [], left).catch(() => storeFailure("other"));
      if (!failed(answer)) return true;
      if (performance.now() >= end) return false;
      await delay(readyInterval, undefined, { ref: false });
    }
  }

  /** Decides. Never rejects, and takes at most the deadlines of cache, bulkhead and record together. */
  async check({ userId, channel, notificationId }: PreferenceCheck): Promise<PreferenceDecision> {
    const key = this.#keyOf(userId);
    const begun = performance.now();
    const value = await this.#store.call(key, "get", (client) => client.get(key));
    const cacheFailed = failed(value);
    const cached = typeof value === "string" ? decodePreferences(value) : undefined;
    const standing = cached === undefined ? "unknown" : this.#feed.standing(userId, cached);
    if (!cacheFailed) this.#cacheSeconds.observe((performance.now() - begun) / 1_000);
    if (cached !== undefined && standing === "current") {
      this.#decisions.made();
      return { optedIn: !cached.optedOut.includes(channel), source: "cache", degraded: false };
    }
    if (standing === "outdated") this.#staleEntries.pending += 1;

    const read = await this.#read(userId, cacheFailed);
    if (!failed(read)) {
      if (cacheFailed) this.#decisions.degraded("postgres");
      else this.#decisions.made();
      return { optedIn: !read.optedOut.includes(channel), source: "postgres", degraded: cacheFailed };
    }
    // An entry that is known to be outdated says nothing: the user may have opted out since, or in again.
    const last = standing === "outdated" ? undefined : cached;
    const optedIn = last === undefined || !last.optedOut.includes(channel);
    if (optedIn) {
      const exposure = { userId, channel, notificationId, at: Date.now() };
      await this.#exposures.record(exposure, last === undefined ? 1 : unverifiedShare);
    }
    this.#decisions.degraded(last === undefined ? "opted_in" : "unverified");
    return { optedIn, source: last === undefined ? "default" : "unverified", degraded: true };
  }

  /**
   * Commits a choice to Postgres and takes the user's entry out of the cache. Rejects with a RedisopsError when it is not
   * known to be committed; the cache may be away.
   */
  async set(change: PreferenceChange): Promise<void> {
    const version = await this.#rows.write(change);
    this.#feed.note(change.userId, version);
    // A read under way may have begun before the commit.
    this.#flights.delete(change.userId);
    const key = this.#keyOf(change.userId);
    await this.#store.call(key, "unlink", (client) => client.unlink(key).catch(unlessRefused));
  }

  /** Ends the connections and the record's file; what is recorded is moved by the next process that uses the folder. */
  async close(): Promise<void> {
    this.#feed.close();
    this.#store.close();
    await this.#shipper.close();
    await Promise.all([this.#database.close(), this.#side.close(), this.#exposures.close()]);
  }

  #keyOf(userId: string): string {
    return this.#key.replace("{user_id}", () => userId);
  }

  /** Reads the row; those who ask for the same user meanwhile share the answer. */
  #read(userId: string, cacheFailed: boolean): Promise<CachedPreferences | StoreFailure> {
    const underWay = this.#flights.get(userId);
    if (underWay !== undefined) return underWay;
    const flight = this.#readRow(userId, cacheFailed).finally(() => {
      if (this.#flights.get(userId) === flight) this.#flights.delete(userId);
    });
    this.#flights.set(userId, flight);
    return flight;
  }

  async #readRow(userId: string, cacheFailed: boolean): Promise<CachedPreferences | StoreFailure> {
    const begun = performance.now();
    const read = await this.#rows.read(userId);
    if (failed(read)) return read;
    this.#postgresSeconds.observe((performance.now() - begun) / 1_000);
    if (!cacheFailed) this.#repopulate(userId, read);
    return read;
  }

  #repopulate(userId: string, preferences: CachedPreferences): void {
    const key = this.#keyOf(userId);
    const life = entryLife(this.#ttlMs);
    void this.#store.call(key, "set", (client) =>
      client.set(key, encodePreferences(preferences), "PX", life).catch(unlessRefused),
    );
  }
}
