import { register } from "prom-client";
import { RedisopsError } from "../../core/errors.ts";
import { deliveryDelay } from "../../core/pending-deliveries/delay.ts";
import { type Deliver, deliverInTime, type Message } from "../../core/pending-deliveries/message.ts";
import type { RegistryEntry } from "../../core/registry/entry.ts";
import type { BulkheadOptions } from "../guard/guarded-postgres.ts";
import { failed } from "../guard/store-failure.ts";
import type { HistogramSeries } from "../signals/batched-histogram.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";
import { type PendingDeliveriesLocation, PendingStore } from "./pending-store.ts";
import type { RegistryClient } from "./registry-client.ts";
import { UserTurns } from "./user-turns.ts";

/**
 * Why a message waits.
 *
 * - `offline`: the recipient is not connected;
 * - `registry_unavailable`: the registry gave no answer, which means the same;
 * - `handover_failed`: the connection server did not acknowledge the message;
 * - `backlog`: earlier messages wait for the recipient, or it is not known whether any do.
 */
export type PendingReason = "offline" | "registry_unavailable" | "handover_failed" | "backlog";

/** Where a message is now. `duplicate`: it had been waiting there already. */
export type RouteResult =
  | { readonly outcome: "delivered"; readonly serverId: string }
  | { readonly outcome: "pending"; readonly reason: PendingReason; readonly duplicate: boolean };

/** How a router works. `deadlineMs` and the like are those of Postgres, with a default deadline of 2,000. */
export interface RouterOptions extends BulkheadOptions {
  /** Milliseconds that a connection server has to acknowledge a message. Default 1,000. */
  readonly deliverDeadlineMs?: number | undefined;
  /**
   * Milliseconds after a change in which a message may still be on its way into pending_deliveries; longer than
   * Postgres's deadline plus the difference between clocks. Default 5,000. With `Infinity` Postgres is asked before every
   * hand-over.
   */
  readonly settleMs?: number | undefined;
  /** Messages on their way at the same time; the next one is not accepted. Default 10,000. */
  readonly maxInFlight?: number | undefined;
}

const markAttempts = 3;

/**
 * Routes messages: to the connection server of their recipient, or into pending_deliveries.
 *
 * **Order.** A message whose `route` was called after another one's had resolved is not handed over while that other one
 * waits. Messages of one user pass one after the other within a process. Between processes the registry's entry says
 * whether messages may wait:
 *
 * - Whoever enters a connection writes `queued`. A router that reads `queued` asks Postgres whether anything waits, and
 *   appends if so. If nothing waits it hands over, and once `settleMs` have passed since `queued` was written, so that no
 *   insert of a router that still saw the user offline can be on its way, it writes `direct` by compare-and-set.
 * - Whoever stores a message for a user who is or may be connected writes `queued` before it resolves, also where that is
 *   what the entry says: the time in which inserts may be on their way begins anew.
 * - A router that could not write that, because the registry is away, trusts no `direct` that was written before the
 *   registry had been well for `settleMs`. The others see the registry away themselves; what remains is a registry that
 *   is away for one process while another one finds it well or has no call to make: between those two, messages can
 *   change places for that time.
 * - A worker removes a message after its acknowledgement, so a message is waiting or delivered at any moment.
 *
 * **Conservation.** `route` resolves after the acknowledgement or after Postgres's commit; otherwise it rejects and the
 * message must not be acknowledged to its sender. An acknowledgement that comes too late, or a commit whose answer is
 * lost, leads to a second delivery: receivers recognise a message id that they know.
 *
 * When Postgres gives no answer at all and the recipient is connected, the message is handed over although others may
 * wait: a message out of order is better than none.
 */
export class MessageRouter {
  readonly #registry: RegistryClient;
  readonly #pending: PendingStore;
  readonly #deliver: Deliver;
  readonly #deliverDeadline: number;
  readonly #settle: number;
  readonly #maxInFlight: number;
  readonly #turns = new UserTurns();
  readonly #deferred: CounterSeries;
  readonly #delays: HistogramSeries;
  /** Until when the registry counts as not having been well for long enough, as `Date.now()`. */
  #unsettledUntil = 0;

  /** The registry's client stays the caller's to close. */
  constructor(
    registry: RegistryClient,
    postgres: PendingDeliveriesLocation,
    deliver: Deliver,
    options: RouterOptions = {},
  ) {
    this.#registry = registry;
    this.#deliver = deliver;
    this.#deliverDeadline = options.deliverDeadlineMs ?? 1_000;
    this.#settle = options.settleMs ?? 5_000;
    this.#maxInFlight = options.maxInFlight ?? 10_000;
    this.#pending = new PendingStore(postgres, {
      ...options,
      deadlineMs: options.deadlineMs ?? 2_000,
      maxQueued: options.maxQueued ?? this.#maxInFlight,
    });
    const signals = Signals.of(options.metrics ?? register);
    this.#deferred = signals.counter("redisops_messages_deferred_total", { role: "registry" });
    this.#delays = signals.histogram("redisops_delivery_delay_seconds", { role: "registry" });
  }

  /** Routes one message. Rejects with MESSAGE_NOT_ACCEPTED when it is neither delivered nor known to be stored. */
  async route(message: Message): Promise<RouteResult> {
    if (this.#turns.running >= this.#maxInFlight) {
      throw new RedisopsError("MESSAGE_NOT_ACCEPTED", "Too many messages are on their way in this process");
    }
    const acceptedAt = performance.now();
    return this.#turns.take(message.userId, () => this.#route(message, acceptedAt));
  }

  /** Ends the connections to Postgres. */
  close(): Promise<void> {
    return this.#pending.close();
  }

  /** `acceptedAt` is on the clock of `performance.now()`. */
  async #route(message: Message, acceptedAt: number): Promise<RouteResult> {
    const entry = await this.#registry.find(message.userId);
    if (failed(entry)) {
      // Behind an open breaker marking would fail like the lookup.
      if (entry.reason === "short_circuited") this.#unsettled();
      return this.#defer(message, "registry_unavailable", entry.reason !== "short_circuited");
    }
    if (entry === undefined) return this.#defer(message, "offline", false);

    const asks = !this.#isDirect(entry);
    // Before asking: what is on its way at this moment need not be visible to the answer.
    const settled = Math.max(entry.sinceMs + this.#settle, this.#unsettledUntil) < Date.now();
    if (asks) {
      const waits = await this.#pending.waits(message.userId);
      if (waits === undefined) return this.#deferOrHandOver(message, entry, acceptedAt);
      if (waits) return this.#defer(message, "backlog", true);
    }
    if (!(await this.#handOver(entry, message, acceptedAt)))
      return this.#defer(message, "handover_failed", true);
    if (asks && settled) void this.#markDirect(message.userId, entry);
    return { outcome: "delivered", serverId: entry.serverId };
  }

  async #markDirect(userId: string, entry: RegistryEntry): Promise<void> {
    if (!(await this.#registry.markDirect(userId, entry))) this.#unsettled();
  }

  #isDirect({ delivery, sinceMs }: RegistryEntry): boolean {
    return (
      delivery === "direct" && sinceMs > this.#unsettledUntil && this.#settle !== Number.POSITIVE_INFINITY
    );
  }

  async #defer(message: Message, reason: PendingReason, mark: boolean): Promise<RouteResult> {
    const marking = mark ? this.#markQueued(message.userId) : true;
    const storing = this.#pending.append(message);
    // Both have to settle: a message that was stored although the answer is lost must be marked as well.
    const [stored, marked] = await Promise.allSettled([storing, marking]);
    if (marked.status === "rejected" || !marked.value) this.#unsettled();
    if (stored.status === "rejected") throw stored.reason;
    this.#deferred.pending += 1;
    return { outcome: "pending", reason, duplicate: stored.value.duplicate };
  }

  /**
   * A call that is late once, in a registry that is well for the other routers, must not leave the entry unmarked. Once
   * the breaker is open the attempts cost nothing.
   */
  async #markQueued(userId: string): Promise<boolean> {
    for (let attempt = 0; attempt < markAttempts; attempt += 1) {
      if (await this.#registry.markQueued(userId)) return true;
    }
    return false;
  }

  async #deferOrHandOver(message: Message, entry: RegistryEntry, acceptedAt: number): Promise<RouteResult> {
    try {
      return await this.#defer(message, "backlog", true);
    } catch (error) {
      if (await this.#handOver(entry, message, acceptedAt))
        return { outcome: "delivered", serverId: entry.serverId };
      throw error;
    }
  }

  async #handOver(entry: RegistryEntry, message: Message, acceptedAt: number): Promise<boolean> {
    if (!(await deliverInTime(this.#deliver, entry.serverId, message, this.#deliverDeadline))) return false;
    const delayMs = deliveryDelay(performance.now() - acceptedAt, entry.connectedAtMs);
    this.#delays.observe(delayMs / 1_000);
    return true;
  }

  #unsettled(): void {
    this.#unsettledUntil = Date.now() + this.#settle;
  }
}
