import { type Registry, register } from "prom-client";
import type { ErrorClass } from "../../catalog/error-class.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";
import { startSpan } from "../signals/spans.ts";
import { storeFailures } from "../signals/store-failures.ts";
import { Breaker, type BreakerOptions, rejected } from "./breaker.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { type CallLedger, type Destination, PendingCall } from "./pending-call.ts";
import { openClient, type ReconnectingClient, type RedisClient } from "./redis-client.ts";
import { type StoreFailure, storeFailure } from "./store-failure.ts";

/** How a role's client guards the process that uses it. */
export interface GuardOptions {
  /** Milliseconds that a decision waits for the store. Default 50. */
  readonly deadlineMs?: number | undefined;
  /** Calls that may wait for the store at the same time; the next one is answered locally. Default 10,000. */
  readonly maxInFlight?: number | undefined;
  readonly breaker?: BreakerOptions | undefined;
  /** The prom-client registry for the signals; the default one when left out. */
  readonly metrics?: Registry | undefined;
}

/** How a server that serves reads refuses a write. */
const writeRefusals: ReadonlySet<ErrorClass> = new Set(["readonly", "out_of_memory", "write_refused"]);

/** Milliseconds between two new connections for want of a primary, as long as the breaker is closed. */
const primarySearchPause = 1_000;

/** Breakers kept for one store; a cluster has one for each primary, and primaries come and go. */
const maxBreakers = 1_024;

/** A role's Redis behind a deadline, a bound on waiting calls and a breaker for each of its servers. */
export class GuardedStore {
  readonly #role: RedisRole;
  readonly #connection: ReconnectingClient;
  readonly #deadlines = new DeadlineQueue();
  readonly #deadlineMs: number;
  readonly #maxInFlight: number;
  readonly #breakerOptions: BreakerOptions | undefined;
  readonly #breakers = new Map<string, Breaker>();
  /** For each server and operation that was refused as a write: reads of the same server go on. */
  readonly #writes = new Map<string, Breaker>();
  readonly #calls: CounterSeries;
  readonly #shortCircuited: CounterSeries;
  readonly #failures: Readonly<Record<ErrorClass, CounterSeries>>;
  readonly #forget: () => void;
  readonly #ledger: CallLedger = {
    answered: ({ breaker, admission, writes }) => {
      this.#inFlight -= 1;
      breaker.succeeded(admission);
      writes?.breaker.succeeded(writes.admission);
    },
    unanswered: (destination, errorClass) => {
      this.#inFlight -= 1;
      this.#failures[errorClass].pending += 1;
      if (writeRefusals.has(errorClass)) return this.#writeRefused(destination, errorClass);
      const { server, breaker, admission, writes } = destination;
      writes?.breaker.withdrawn(writes.admission);
      // An error reply about one key is an answer: the server is well.
      if (errorClass === "other") return breaker.succeeded(admission);
      const opened = breaker.failed(admission, performance.now());
      if (opened && errorClass !== "loading") this.#connection.reconnect(server, errorClass);
    },
    classify: (error, { server }) => this.#connection.classify(error, server),
  };
  #inFlight = 0;
  #lookedForPrimary = Number.NEGATIVE_INFINITY;

  constructor(role: RedisRole, config: RedisConnectionConfig, options: GuardOptions = {}) {
    this.#role = role;
    this.#deadlineMs = options.deadlineMs ?? 50;
    this.#maxInFlight = options.maxInFlight ?? 10_000;
    this.#breakerOptions = options.breaker;
    const signals = Signals.of(options.metrics ?? register);
    this.#calls = signals.counter("redisops_store_calls_total", { role });
    this.#shortCircuited = signals.counter("redisops_store_short_circuited_total", { role });
    this.#failures = storeFailures(signals, role);
    this.#forget = signals.gauge("redisops_breakers_open", { role }, () => this.openBreakers);
    this.#connection = openClient(role, config);
  }

  /** Servers that calls are kept away from at this moment. */
  get openBreakers(): number {
    const servers = this.#connection.servers();
    const open = [...this.#breakers, ...this.#writes]
      .filter(([, breaker]) => breaker.open)
      .map(([name]) => name.split(" ", 1)[0] ?? "");
    return new Set(open.filter((server) => servers.has(server))).size;
  }

  /** Waits for the first connection, for at most so many milliseconds. Answers false when the role is away. */
  ready(milliseconds: number): Promise<boolean> {
    return this.#connection.whenReady(milliseconds);
  }

  /**
   * Makes one call about `key`. Never rejects: without an answer in time the outcome is a StoreFailure, at once when the
   * breaker is open. `operation` names the call in traces.
   */
  call<T>(
    key: string,
    operation: string,
    send: (client: RedisClient) => Promise<T>,
  ): Promise<T | StoreFailure> | StoreFailure {
    if (this.#inFlight >= this.#maxInFlight) {
      this.#shortCircuited.pending += 1;
      return storeFailure("overloaded");
    }
    const server = this.#connection.serverOf(key);
    const breaker = this.#breakers.get(server) ?? this.#addBreaker(server);
    const now = performance.now();
    const admission = breaker.admit(now);
    if (admission === rejected) {
      this.#shortCircuited.pending += 1;
      return storeFailure("short_circuited");
    }
    const writes = this.#writes.size === 0 ? undefined : this.#writes.get(`${server} ${operation}`);
    const writeAdmission = writes?.admit(now);
    if (writeAdmission === rejected) {
      breaker.withdrawn(admission);
      this.#shortCircuited.pending += 1;
      return storeFailure("short_circuited");
    }
    this.#calls.pending += 1;
    this.#inFlight += 1;
    const destination: Destination = {
      server,
      operation,
      breaker,
      admission,
      writes:
        writes === undefined || writeAdmission === undefined
          ? undefined
          : { breaker: writes, admission: writeAdmission },
    };
    return new Promise((resolve) => {
      const pending = new PendingCall<T>(
        this.#ledger,
        destination,
        now + this.#deadlineMs,
        startSpan(operation, this.#role),
        resolve,
      );
      this.#deadlines.add(pending, this.#deadlineMs);
      send(this.#connection.client).then(pending.onAnswer, pending.onError);
    });
  }

  /** Gives the connection up; calls that wait get no answer. */
  close(): void {
    this.#forget();
    this.#connection.close();
  }

  #writeRefused(destination: Destination, errorClass: ErrorClass): void {
    const { server, operation, breaker, admission } = destination;
    breaker.succeeded(admission);
    const now = performance.now();
    const writes = destination.writes ?? this.#writesOf(server, operation, now);
    const opened = writes.breaker.failed(writes.admission, now);
    // A demoted primary is not waited for: a new connection asks the Sentinels or the name service again.
    if (errorClass === "readonly" && (opened || this.#mayLookForPrimary())) {
      this.#connection.reconnect(server, errorClass);
    }
  }

  #writesOf(server: string, operation: string, now: number) {
    const name = `${server} ${operation}`;
    let breaker = this.#writes.get(name);
    if (breaker === undefined) {
      if (this.#writes.size >= maxBreakers) this.#writes.clear();
      breaker = new Breaker(this.#breakerOptions);
      this.#writes.set(name, breaker);
    }
    return { breaker, admission: breaker.admit(now) };
  }

  /** Not for each write that is refused: each time costs the reads that are under way, which such a server does serve. */
  #mayLookForPrimary(): boolean {
    const now = performance.now();
    if (now - this.#lookedForPrimary < primarySearchPause) return false;
    this.#lookedForPrimary = now;
    return true;
  }

  #addBreaker(server: string): Breaker {
    if (this.#breakers.size >= maxBreakers) this.#breakers.clear();
    const breaker = new Breaker(this.#breakerOptions);
    this.#breakers.set(server, breaker);
    return breaker;
  }
}
