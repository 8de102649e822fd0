import { bucketKey, capacityOf } from "../../core/token-bucket/buckets.ts";
import { type TakeOptions, takeToken } from "../../core/token-bucket/take-token.ts";
import { type Admission, Breaker, rejected } from "../guard/breaker.ts";
import type { GuardedStore } from "../guard/guarded-store.ts";
import { failed } from "../guard/store-failure.ts";
import type { CounterSeries, Signals } from "../signals/signals.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import { type Priority, priorities, reserveShares } from "./priority.ts";
import { blockMs, isAccountFailure, type ProviderResponse } from "./provider-response.ts";

/** An account of a provider, as in redisops.yaml. */
export interface ProviderAccount {
  /** A short name for metrics and keys, never the provider's own identifier. */
  readonly name: string;
  /** Requests per second that the provider grants. */
  readonly limitPerSecond: number;
  /** Requests at once after a pause: the bucket's size. One second's worth when left out. */
  readonly burst?: number | undefined;
}

/** Why an account takes no notification now. */
export interface Refusal {
  /** `blocked`: the provider refused it; `exhausted`: its limit is used up. */
  readonly reason: "blocked" | "exhausted";
  /** Milliseconds until it may take one. */
  readonly retryAfterMs: number;
}

/** The right to send one notification through an account; it must be used. */
export interface Permit {
  readonly account: Account;
  readonly admission: Admission;
  readonly sentAt: number;
  /** Whether the bucket granted it; else it is this process's own guess. */
  readonly byBucket: boolean;
}

/** Failures are the provider's outages, which last longer than a Redis failover: probes are seconds apart. */
export const accountBreaker = { failureThreshold: 5, minBackoffMs: 1_000, maxBackoffMs: 30_000 };
/** Milliseconds after which to ask again while one request tries out whether a block has ended. */
const probeWait = 50;
/** Longest time in milliseconds for which an empty bucket is not asked again: it may be filled from outside. */
const longestEmpty = 1_000;

/**
 * One account: its token bucket in Redis, and in this process's memory a breaker and what the provider's 429s taught.
 * The latter two hold with Redis as without it.
 */
export class Account {
  readonly name: string;
  readonly limit: AdaptiveLimit;
  readonly #store: GuardedStore;
  readonly #key: string;
  readonly #shapes: Readonly<Record<Priority, TakeOptions>>;
  readonly #breaker = new Breaker(accountBreaker);
  readonly #emptyUntil: Record<Priority, number> = { critical: 0, high: 0, normal: 0, bulk: 0 };
  readonly #requests: CounterSeries;
  readonly #throttled: CounterSeries;
  readonly #forget: readonly (() => void)[];
  #storeAway = false;

  constructor(
    { name, limitPerSecond, burst }: ProviderAccount,
    provider: string,
    keyPattern: string,
    store: GuardedStore,
    signals: Signals,
  ) {
    this.name = name;
    this.limit = new AdaptiveLimit(limitPerSecond);
    this.#store = store;
    this.#key = bucketKey(keyPattern, { provider, account: name });
    const capacity = capacityOf(limitPerSecond, burst);
    const shapes = priorities.map((priority) => {
      const reserve = Math.min(reserveShares[priority] * capacity, capacity - 1);
      return [priority, { capacity, refillPerSecond: limitPerSecond, reserve }] as const;
    });
    this.#shapes = Object.fromEntries(shapes) as Record<Priority, TakeOptions>;
    const labels = { role: "token_bucket", provider, account: name };
    this.#requests = signals.counter("redisops_provider_requests_total", labels);
    this.#throttled = signals.counter("redisops_provider_throttled_total", labels);
    this.#forget = [
      signals.gauge("redisops_provider_account_blocked", labels, () => (this.#breaker.open ? 1 : 0)),
      signals.gauge("redisops_provider_learned_limit", labels, () => this.limit.perSecond),
    ];
  }

  /** Whether the latest question to the account's bucket got no answer. */
  get storeAway(): boolean {
    return this.#storeAway;
  }

  /** Asks for the right to send one notification. Never rejects. */
  async acquire(priority: Priority): Promise<Permit | Refusal> {
    const now = performance.now();
    const emptyFor = this.#emptyUntil[priority] - now;
    if (emptyFor > 0) return { reason: "exhausted", retryAfterMs: emptyFor };
    const admission = this.#breaker.admit(now);
    if (admission === rejected) return this.blocked(now);

    // Before the bucket is asked, so that no shared token is taken in vain.
    const paced = this.limit.binding || this.#storeAway;
    const pause = paced ? this.limit.take(now, reserveShares[priority]) : 0;
    if (pause > 0) return this.#refuse(admission, pause);

    const wait = await this.#store.call(this.#key, "take_token", (client) =>
      takeToken(client, this.#key, this.#shapes[priority]),
    );
    this.#storeAway = failed(wait);
    const sentAt = performance.now();
    const permit = { account: this, admission, sentAt, byBucket: !this.#storeAway };
    if (failed(wait)) {
      const late = paced ? 0 : this.limit.take(sentAt, reserveShares[priority]);
      return late > 0 ? this.#refuse(admission, late) : permit;
    }
    if (wait === 0) return permit;
    if (paced) this.limit.giveBack();
    this.#emptyUntil[priority] = sentAt + Math.min(wait, longestEmpty);
    return this.#refuse(admission, wait);
  }

  /** Why the account, which was tried already, is not tried again at once. */
  blocked(now: number): Refusal {
    return { reason: "blocked", retryAfterMs: this.#breaker.waitMs(now) || probeWait };
  }

  /** The provider answered the permit's request. */
  answered({ admission, sentAt, byBucket }: Permit, response: ProviderResponse): void {
    const now = performance.now();
    this.#requests.pending += 1;
    const block = blockMs(response, Date.now());
    if (response.status === 429) {
      this.#throttled.pending += 1;
      this.limit.refused(sentAt, now, byBucket);
    } else if (isAccountFailure(response)) {
      this.#breaker.failed(admission, now);
    } else {
      this.limit.accepted(now, byBucket);
      this.#breaker.succeeded(admission);
    }
    if (block > 0) this.#breaker.trip(now, block);
  }

  /** The permit's request got no answer. */
  unanswered({ admission }: Permit): void {
    this.#breaker.failed(admission, performance.now());
  }

  /** Takes the account's gauges away. */
  close(): void {
    for (const forget of this.#forget) forget();
  }

  #refuse(admission: Admission, retryAfterMs: number): Refusal {
    this.#breaker.withdrawn(admission);
    return { reason: "exhausted", retryAfterMs };
  }
}
