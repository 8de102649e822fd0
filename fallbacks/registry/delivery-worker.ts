import { setTimeout as delay } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import pg from "pg";
import { type Registry, register } from "prom-client";
import { drainPending } from "../../core/pending-deliveries/drain.ts";
import type { Deliver } from "../../core/pending-deliveries/message.ts";
import { describePostgres, postgresPoolOptions } from "../../core/postgres/connect.ts";
import { postgresErrorClass } from "../../core/postgres/postgres-error.ts";
import type { HistogramSeries } from "../signals/batched-histogram.ts";
import { Signals } from "../signals/signals.ts";
import { storeFailures } from "../signals/store-failures.ts";
import { type PendingDeliveriesLocation, pendingTable } from "./pending-store.ts";
import type { RegistryClient } from "./registry-client.ts";

/** How a delivery worker works. */
export interface DeliveryWorkerOptions {
  /** Milliseconds that a connection server has to acknowledge a message. Default 1,000. */
  readonly deliverDeadlineMs?: number | undefined;
  /** Users whose messages are delivered at the same time, each on a connection to Postgres. Default 8. */
  readonly concurrency?: number | undefined;
  /** Messages of a user in one transaction. Default 100. */
  readonly batchSize?: number | undefined;
  /** Milliseconds from one pass to the next when nothing could be delivered. Default 500. */
  readonly idleMs?: number | undefined;
  /** The prom-client registry for the signals; the default one when left out. */
  readonly metrics?: Registry | undefined;
}

/** Longest time for a connection to Postgres, and for a statement, in milliseconds. */
const postgresDeadline = 5_000;
/** Milliseconds until the next attempt at a user whose connection server did not take a message: doubled each time. */
const firstRetry = 250;
const lastRetry = 30_000;
/** Milliseconds until the next pass after the registry or Postgres gave no answer. */
const outagePause = 1_000;
/**
 * The pause after passes in which messages were handed over and could not be removed, one after the other: doubled from
 * `outagePause` on, for each pass hands them over again.
 */
const lastOutagePause = 8_000;
/**
 * Milliseconds until the next attempt at a user in whose turn Postgres failed. Longer than the first pause, so that the
 * next pass begins with somebody else.
 */
const firstRetryAfterFailure = 2_000;

interface Retry {
  readonly at: number;
  readonly pause: number;
}

/**
 * Delivers what waits in pending_deliveries to those recipients who are connected. Pauses while the registry or Postgres
 * is away and resumes by itself. Run as many as needed: they share the users between them.
 */
export class DeliveryWorker {
  readonly #registry: RegistryClient;
  readonly #location: PendingDeliveriesLocation;
  readonly #deliver: Deliver;
  readonly #options: DeliveryWorkerOptions;
  readonly #pool: pg.Pool;
  /** When to try again those users whose last turn ended badly. Bounded: who falls out is tried earlier. */
  readonly #retries = new LRUCache<string, Retry>({ max: 10_000 });
  readonly #counts;
  readonly #delays: HistogramSeries;
  readonly #stopping = new AbortController();
  /** The pause after the next pass in which a turn fails. */
  #failurePause = outagePause;
  #loop: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** The registry's client stays the caller's to close. */
  constructor(
    registry: RegistryClient,
    postgres: PendingDeliveriesLocation,
    deliver: Deliver,
    options: DeliveryWorkerOptions = {},
  ) {
    this.#registry = registry;
    this.#location = postgres;
    this.#deliver = deliver;
    this.#options = options;
    const signals = Signals.of(options.metrics ?? register);
    this.#counts = {
      delivered: signals.counter("redisops_pending_delivered_total", { role: "registry" }),
      refused: signals.counter("redisops_pending_delivery_failures_total", { role: "registry" }),
      postgres: storeFailures(signals, "postgres"),
    };
    this.#delays = signals.histogram("redisops_delivery_delay_seconds", { role: "registry" });
    this.#pool = new pg.Pool({
      ...postgresPoolOptions(postgres, describePostgres(postgres)),
      application_name: "redisops-delivery-worker",
      connectionTimeoutMillis: postgresDeadline,
      query_timeout: postgresDeadline,
      max: (options.concurrency ?? 8) + 1,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    });
    // Without a listener a connection that dies while idle would end the process.
    this.#pool.on("error", () => undefined);
  }

  /** Begins to deliver. A second call does nothing. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends after the deliveries that are on their way, at the latest after their deadline and Postgres's. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.race([this.#pool.end(), delay(500, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const pause = await this.#pass();
      if (pause > 0) await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One pass over everything that waits. Answers how many milliseconds to wait before the next one. */
  async #pass(): Promise<number> {
    const { deliverDeadlineMs, concurrency, batchSize, idleMs = 500 } = this.#options;
    let turnFailed = false;
    try {
      const { delivered, registryAnswered } = await drainPending({
        pool: this.#pool,
        table: pendingTable(this.#location),
        find: (users) => this.#registry.entriesOf(users),
        deliver: this.#deliver,
        deliverDeadlineMs,
        concurrency,
        batchSize,
        skip: (userId) => performance.now() < (this.#retries.get(userId)?.at ?? 0),
        onTurn: (userId, delaysMs, refused) => this.#note(userId, delaysMs, refused),
        onFailure: (userId) => {
          turnFailed = true;
          this.#retryLater(userId, firstRetryAfterFailure, false);
        },
        signal: this.#stopping.signal,
      });
      if (!registryAnswered) return outagePause;
      return delivered > 0 ? 0 : idleMs;
    } catch (error) {
      this.#counts.postgres[postgresErrorClass(error)].pending += 1;
      if (!turnFailed) return outagePause;
      const pause = this.#failurePause;
      this.#failurePause = Math.min(pause * 2, lastOutagePause);
      return pause;
    }
  }

  #note(userId: string, delaysMs: readonly number[], refused: boolean): void {
    this.#counts.delivered.pending += delaysMs.length;
    for (const delay of delaysMs) this.#delays.observe(delay / 1_000);
    this.#failurePause = outagePause;
    if (!refused) {
      this.#retries.delete(userId);
      return;
    }
    this.#counts.refused.pending += 1;
    this.#retryLater(userId, firstRetry, delaysMs.length > 0);
  }

  #retryLater(userId: string, first: number, progress: boolean): void {
    const last = progress ? 0 : (this.#retries.get(userId)?.pause ?? 0);
    const pause = Math.min(Math.max(first, last * 2), lastRetry);
    this.#retries.set(userId, { at: performance.now() + pause, pause });
  }
}
