import { register } from "prom-client";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import { GuardedStore, type GuardOptions } from "../guard/guarded-store.ts";
import { Decisions } from "../signals/decisions.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";
import { Account, type Permit, type ProviderAccount, type Refusal } from "./account.ts";
import { type Attempt, attemptWithin } from "./attempt.ts";
import { type Priority, priorities } from "./priority.ts";
import { isAccountFailure, isSent } from "./provider-response.ts";
import { WaitingLine } from "./waiting-line.ts";

export type { Attempt };

/** A provider and its accounts, besides how the buckets' Redis is guarded. */
export interface ProviderOptions extends GuardOptions {
  /** The provider's name, as in redisops.yaml: part of the buckets' keys and of the metrics. */
  readonly provider: string;
  /** Its accounts, one at least. */
  readonly accounts: readonly ProviderAccount[];
  /** Milliseconds that the provider has to answer one attempt. Default 5,000. */
  readonly attemptDeadlineMs?: number | undefined;
  /** Critical notifications that may wait for an account at the same time. Default 1,000. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds that each of them may wait. Default 2,000. */
  readonly maxWaitMs?: number | undefined;
}

/** What the client has to know of a notification. */
export interface ProviderNotification {
  readonly priority: Priority;
}

/**
 * What became of a notification.
 *
 * - `sent`: the provider took it.
 * - `failed`: the provider rejected it (`status`) or gave no answer (`error`); in the latter case it may have taken it.
 * - `shed`: no account had room; nothing was sent. Try again after `retryAfterMs`.
 */
export type SendResult =
  | { readonly outcome: "sent"; readonly account: string; readonly status: number }
  | { readonly outcome: "failed"; readonly account: string; readonly status: number }
  | { readonly outcome: "failed"; readonly account: string; readonly error: Error }
  | ({ readonly outcome: "shed" } & Refusal);

type Failed = Extract<SendResult, { outcome: "failed" }>;

type Attempted =
  | { readonly final: true; readonly result: SendResult }
  | { readonly final: false; readonly result: Failed | undefined };

/** What is less than critical does not overtake those that wait; it may ask again after this time. */
const behindTheLine: Refusal = Object.freeze({ reason: "exhausted", retryAfterMs: 100 });

const none: ReadonlySet<Account> = new Set();

function sooner(one: Refusal | undefined, other: Refusal): Refusal {
  return one === undefined || other.retryAfterMs < one.retryAfterMs ? other : one;
}

function checkAccounts(provider: string, accounts: readonly ProviderAccount[]): void {
  const names = new Set(accounts.map(({ name }) => name));
  const positive = ({ limitPerSecond, burst = 1 }: ProviderAccount) => limitPerSecond > 0 && burst > 0;
  const problem =
    accounts.length === 0
      ? "needs one account at least"
      : names.size < accounts.length
        ? "has two accounts of one name"
        : accounts.every(positive)
          ? undefined
          : "has an account whose limit or burst is not positive";
  if (problem !== undefined) throw new RedisopsError("CONFIG_INVALID", `provider ${provider} ${problem}`);
}

/**
 * Sends notifications through a provider's accounts, within each account's limit.
 *
 * An account is used when its token bucket in Redis has a token for the priority. A 429 blocks the account for as long as
 * the provider asks and the notification goes to the next one; so does one that met a server error, rejected credentials
 * or no answer, since a miss is worse than a duplicate. Without Redis the precision of the buckets is lost: what this
 * process learned from the 429s alone carries the limit.
 *
 * When no account has room, notifications are shed, bulk first. Critical ones wait for the first account to free up, and
 * meanwhile nothing else is sent; they are shed when too many wait or the time is over.
 */
export class ProviderClient {
  readonly #store: GuardedStore;
  readonly #accounts: readonly Account[];
  readonly #attemptDeadlineMs: number;
  readonly #line: WaitingLine;
  readonly #decisions: Decisions<"breaker_only">;
  readonly #shed: Readonly<Record<Priority, CounterSeries>>;
  #next = 0;

  /**
   * Takes a `token_bucket` section of redisops.yaml as it is. `key` contains `{provider}` and `{account}`; default
   * `bucket:{provider}:{account}`.
   *
   * @throws RedisopsError CONFIG_INVALID without accounts, or with two of one name or one without a positive limit
   */
  constructor(
    connection: RedisConnectionConfig & { readonly key?: string | undefined },
    options: ProviderOptions,
  ) {
    const { provider, accounts, metrics = register } = options;
    checkAccounts(provider, accounts);
    const signals = Signals.of(metrics);
    const pattern = connection.key ?? "bucket:{provider}:{account}";
    const store = new GuardedStore("token_bucket", connection, options);
    this.#store = store;
    this.#accounts = accounts.map((account) => new Account(account, provider, pattern, store, signals));
    this.#attemptDeadlineMs = options.attemptDeadlineMs ?? 5_000;
    this.#line = new WaitingLine(() => this.#acquire("critical", none), {
      maxWaiting: options.maxWaiting ?? 1_000,
      maxWaitMs: options.maxWaitMs ?? 2_000,
    });
    this.#decisions = new Decisions("token_bucket", ["breaker_only"], metrics);
    const shed = priorities.map((priority) => [
      priority,
      signals.counter("redisops_notifications_shed_total", { role: "token_bucket", provider, priority }),
    ]);
    this.#shed = Object.fromEntries(shed) as Record<Priority, CounterSeries>;
  }

  /**
   * Sends one notification. `attempt` makes the provider's request with the account's credentials; it rejects only when
   * there was no answer, and should end when the signal does. Each account is tried once; after a wait, once more.
   * Never rejects.
   */
  async send(notification: ProviderNotification, attempt: Attempt): Promise<SendResult> {
    const { priority } = notification;
    const tried = new Set<Account>();
    let waited = priority !== "critical";
    let failure: Failed | undefined;
    for (;;) {
      let outcome = await this.#acquire(priority, tried);
      if ("reason" in outcome && !waited) {
        waited = true;
        tried.clear();
        outcome = await this.#line.join(outcome);
      }
      this.#count(outcome);
      if ("reason" in outcome) return failure ?? this.#giveUp(priority, outcome);
      tried.add(outcome.account);
      const { result, final } = await this.#attempt(outcome, attempt);
      if (final) return result;
      failure = result ?? failure;
    }
  }

  /** Waits for the first connection, for at most so many milliseconds. Answers false when Redis is away. */
  ready(milliseconds: number): Promise<boolean> {
    return this.#store.ready(milliseconds);
  }

  /** Gives the connection up and sheds what waits; sending goes on, by what was learned. */
  close(): void {
    this.#line.close();
    this.#store.close();
    for (const account of this.#accounts) account.close();
  }

  /** Asks the accounts in turn, each time beginning with another one. */
  async #acquire(priority: Priority, tried: ReadonlySet<Account>): Promise<Permit | Refusal> {
    if (priority !== "critical" && this.#line.length > 0) return behindTheLine;
    const first = this.#next;
    this.#next = (first + 1) % this.#accounts.length;
    let refusal: Refusal | undefined;
    for (const account of [...this.#accounts.slice(first), ...this.#accounts.slice(0, first)]) {
      const outcome = tried.has(account)
        ? account.blocked(performance.now())
        : await account.acquire(priority);
      if (!("reason" in outcome)) return outcome;
      refusal = sooner(refusal, outcome);
    }
    return refusal ?? behindTheLine;
  }

  /** Makes an attempt. It is not final when another account may do better; a 429 is then no result at all. */
  async #attempt(permit: Permit, attempt: Attempt): Promise<Attempted> {
    const account = permit.account.name;
    try {
      const response = await attemptWithin(this.#attemptDeadlineMs, account, attempt);
      permit.account.answered(permit, response);
      const { status } = response;
      if (status === 429) return { final: false, result: undefined };
      if (isSent(response)) return { final: true, result: { outcome: "sent", account, status } };
      const result: Failed = { outcome: "failed", account, status };
      return isAccountFailure(response) ? { final: false, result } : { final: true, result };
    } catch (error) {
      permit.account.unanswered(permit);
      const reason = error instanceof Error ? error : new Error(String(error));
      return { final: false, result: { outcome: "failed", account, error: reason } };
    }
  }

  #count(outcome: Permit | Refusal): void {
    const asked = "reason" in outcome ? this.#accounts : [outcome.account];
    if (asked.some(({ storeAway }) => storeAway)) this.#decisions.degraded("breaker_only");
    else this.#decisions.made();
  }

  #giveUp(priority: Priority, refusal: Refusal): SendResult {
    this.#shed[priority].pending += 1;
    return { outcome: "shed", ...refusal };
  }
}
