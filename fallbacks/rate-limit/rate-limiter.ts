import { register } from "prom-client";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { countScript, defaultRateLimitKey, rateLimitKeys } from "../../core/rate-limit/count-script.ts";
import { GuardedStore, type GuardOptions } from "../guard/guarded-store.ts";
import { failed, StoreFailure } from "../guard/store-failure.ts";
import { Decisions } from "../signals/decisions.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";

/** How often a user may send, besides how the store is guarded. */
export interface RateLimiterOptions extends GuardOptions {
  /** Messages that a user may send in one window. Default 10. */
  readonly limit?: number | undefined;
  /** Length of the window in milliseconds; it begins with the user's first message. Default 1,000. */
  readonly windowMs?: number | undefined;
}

/** Whether a user may send now. */
export interface RateDecision {
  readonly allowed: boolean;
  /** Whether the counter gave no answer, so that nobody knows how much the user has sent. */
  readonly degraded: boolean;
}

const allowed: RateDecision = Object.freeze({ allowed: true, degraded: false });
const refused: RateDecision = Object.freeze({ allowed: false, degraded: false });
const failOpen: RateDecision = Object.freeze({ allowed: true, degraded: true });
/** Shared by all decisions that need not wait: those behind an open breaker are the hot path. */
const failOpenNow: Promise<RateDecision> = Promise.resolve(failOpen);

/**
 * Limits how many messages a user sends. The count lives in Redis, shared by all processes. Without an answer from it
 * the message is allowed: for a short time unlimited sending is the smaller harm than no sending.
 */
export class RateLimiter {
  readonly #store: GuardedStore;
  readonly #keyOf: (userId: string) => string;
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #decisions: Decisions<"fail_open">;
  readonly #limited: CounterSeries;

  /** Takes a `rate_limit` section of redisops.yaml as it is. `key` contains `{user_id}`; default `rate:{user_id}`. */
  constructor(
    connection: RedisConnectionConfig & { readonly key?: string | undefined },
    options: RateLimiterOptions = {},
  ) {
    const metrics = options.metrics ?? register;
    this.#keyOf = rateLimitKeys(connection.key ?? defaultRateLimitKey);
    this.#limit = options.limit ?? 10;
    this.#windowMs = options.windowMs ?? 1_000;
    this.#decisions = new Decisions("rate_limit", ["fail_open"], metrics);
    this.#limited = Signals.of(metrics).counter("redisops_rate_limited_total", { role: "rate_limit" });
    this.#store = new GuardedStore("rate_limit", connection, options);
  }

  /** Counts one message of the user and says whether it may be sent. Never rejects. */
  check(userId: string): Promise<RateDecision> {
    const key = this.#keyOf(userId);
    const outcome = this.#store.call(key, "check", (client) =>
      countScript.run(client, [key], [this.#limit, this.#windowMs]),
    );
    if (outcome instanceof StoreFailure) {
      this.#decisions.degraded("fail_open");
      return failOpenNow;
    }
    return outcome.then(this.#decide);
  }

  /** Waits for the first connection, for at most so many milliseconds. Answers false when Redis is away. */
  ready(milliseconds: number): Promise<boolean> {
    return this.#store.ready(milliseconds);
  }

  /** Gives the connection up; checks go on, unlimited. */
  close(): void {
    this.#store.close();
  }

  readonly #decide = (count: unknown): RateDecision => {
    if (failed(count)) {
      this.#decisions.degraded("fail_open");
      return failOpen;
    }
    this.#decisions.made();
    if (Number(count) <= this.#limit) return allowed;
    this.#limited.pending += 1;
    return refused;
  };
}
