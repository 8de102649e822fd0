import type { Client } from "pg";
import type { PendingDeliveriesConfig } from "../../core/config/postgres-section.ts";
import type { RedisopsError } from "../../core/errors.ts";
import {
  type BatchStatements,
  batchStatements,
  userLockPrefix,
} from "../../core/pending-deliveries/batch-statements.ts";
import { type BatchLimits, BatchReader, type Item, placesOf } from "./batch-reader.ts";
import type { Delivered, Delivery, Outcome } from "./delivery/delivery.ts";
import type { Recipient } from "./recipients.ts";
import type { Refusals } from "./refusals.ts";
import { type SetAsideTables, setAsideStatement } from "./set-aside.ts";

/** What a turn may take. */
export interface TurnLimits extends BatchLimits {
  /** Refusals by this process after which a message is set aside. */
  readonly maxAttempts: number;
}

/** What became of a turn. */
export interface TurnResult {
  readonly delivered: number;
  /** Those of them that waited already when the run began. */
  readonly deliveredBefore: number;
  readonly setAside: number;
  /** Users whom another process serves at this moment. */
  readonly busy: readonly string[];
  /** Users one of whose messages was refused and stays. */
  readonly refused: readonly string[];
  /** Users of whose messages nothing is known. */
  readonly unanswered: readonly string[];
  /** Users who are not connected where the registry has them. */
  readonly offline: readonly string[];
  /** Users whose messages may have more to come. */
  readonly again: readonly string[];
  /** Milliseconds until the batch was acknowledged, and whether it had as many messages as it might. */
  readonly milliseconds: number;
  readonly full: boolean;
  /** Each destination of the batch with how many messages it was given, and who they were for. */
  readonly destinations: ReadonlyMap<string, { messages: number; acknowledged: number; users: string[] }>;
  readonly failures: Delivered["failures"];
}

/** Tells, when a destination gave no answer, whether that is the fault of the only message that it was given. */
export type Blames = (destination: string, failure: RedisopsError, users: readonly string[]) => boolean;

/**
 * Serves several users in one transaction: takes their locks, reads their oldest messages, hands them over, and removes
 * what was acknowledged. While messages are handed over the transaction has neither an id nor a snapshot, so that it does
 * not hold back vacuum. Used by one lane.
 */
export class Turns {
  readonly #client: Client;
  readonly #table: PendingDeliveriesConfig;
  readonly #delivery: Delivery;
  readonly #statements: BatchStatements;
  readonly #setAside: string;
  readonly #reader: BatchReader;
  readonly #refusals: Refusals;
  readonly #blames: Blames;

  constructor(
    client: Client,
    tables: SetAsideTables,
    delivery: Delivery,
    refusals: Refusals,
    blames: Blames,
  ) {
    this.#client = client;
    this.#table = tables.pending;
    this.#delivery = delivery;
    this.#statements = batchStatements(tables.pending);
    this.#reader = new BatchReader(client, this.#statements, delivery);
    this.#refusals = refusals;
    this.#setAside = setAsideStatement(tables);
    this.#blames = blames;
  }

  /** Rejects with Postgres's error: whatever was acknowledged in the turn is handed over again then. */
  async serve(users: ReadonlyMap<string, Recipient>, limits: TurnLimits): Promise<TurnResult> {
    await this.#client.query("BEGIN");
    try {
      const result = await this.#inTransaction(users, limits);
      await this.#client.query("COMMIT");
      return result;
    } catch (error) {
      await this.#client.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  async #inTransaction(users: ReadonlyMap<string, Recipient>, limits: TurnLimits): Promise<TurnResult> {
    const names = [...users.keys()];
    const { rows: locks } = await this.#client.query<[string]>({
      name: "redisops-lock",
      text: this.#statements.lock,
      values: [names, userLockPrefix(this.#table)],
      rowMode: "array",
    });
    const mine = new Set(locks.map(([name]) => name));
    const locked = names.filter((name) => mine.has(name));
    const busy = names.filter((name) => !mine.has(name));
    const { items, again } = await this.#reader.read(locked, users, limits);
    // The portal of the last statement keeps its snapshot until the next one, which would hold back vacuum meanwhile.
    await this.#client.query("SELECT");

    const odd = items.filter((item) => item.odd !== undefined);
    const good = odd.length === 0 ? items : items.filter((item) => item.odd === undefined);
    const began = performance.now();
    const { outcomes, failures } =
      good.length === 0 ? { outcomes: [], failures: new Map() } : await this.#delivery.deliver(good);
    const milliseconds = performance.now() - began;

    const destinations = new Map<string, { messages: number; acknowledged: number; users: string[] }>();
    for (let index = 0; index < good.length; index++) {
      const item = good[index];
      if (item === undefined) continue;
      const name = this.#delivery.destinationOf(item.serverId);
      let entry = destinations.get(name);
      if (entry === undefined) {
        entry = { messages: 0, acknowledged: 0, users: [] };
        destinations.set(name, entry);
      }
      entry.messages++;
      if (outcomes[index] === "acknowledged") entry.acknowledged++;
      entry.users.push(item.message.userId);
    }
    const blamed = new Set<string>();
    for (const [name, failure] of failures) {
      const { users: given } = destinations.get(name) ?? { users: [] };
      if (this.#blames(name, failure, given)) for (const user of given) blamed.add(user);
    }
    const settled = await this.#settle(good, outcomes, odd, blamed, limits);
    const left = new Set([...settled.refused, ...settled.offline, ...settled.unanswered]);
    return {
      ...settled,
      busy,
      again: [...new Set([...again, ...settled.unblocked])].filter((user) => !left.has(user)),
      milliseconds,
      full: good.length >= limits.messages / 2,
      destinations,
      failures,
    };
  }

  /** Removes what was acknowledged, sets aside what never will be, and counts the other refusals. */
  async #settle(
    good: readonly Item[],
    outcomes: readonly Outcome[],
    odd: readonly Item[],
    blamed: ReadonlySet<string>,
    { maxAttempts }: TurnLimits,
  ) {
    const gone: Item[] = [];
    const aside = odd.map((item) => ({ item, reason: item.odd ?? "" }));
    const counted: Item[] = [];
    const refused = new Set<string>();
    const offline = new Set<string>();
    const unanswered = new Set<string>();
    const unblocked = new Set<string>();
    const untried = new Set<string>();
    for (let index = 0; index < good.length; index++) {
      const item = good[index];
      const outcome = outcomes[index] ?? "unknown";
      if (item === undefined) continue;
      const { userId } = item.message;
      const isBlamed = outcome === "unknown" && blamed.has(userId);
      if (outcome === "acknowledged") gone.push(item);
      else if (outcome === "offline") offline.add(userId);
      else if (typeof outcome === "object" || isBlamed) {
        const reason = typeof outcome === "object" ? outcome.refused : "no answer to this message alone";
        if (this.#refusals.add(item.message) >= maxAttempts) {
          aside.push({ item, reason });
          unblocked.add(userId);
        } else {
          counted.push(item);
          refused.add(userId);
        }
      } else if (outcome === "unknown") unanswered.add(userId);
      else untried.add(userId);
    }
    // A receiver that skips the first message of a recipient, too, would be asked for ever.
    const served = new Set(gone.map(({ message }) => message.userId));
    for (const user of untried) {
      if (served.has(user)) unblocked.add(user);
      else if (!unblocked.has(user) && !refused.has(user) && !offline.has(user)) unanswered.add(user);
    }
    if (gone.length > 0) await this.#remove(gone);
    if (counted.length > 0) {
      await this.#client.query(this.#statements.countAttempts, placesOf(counted));
    }
    if (aside.length > 0) {
      const rows = aside.map(({ item }) => item);
      await this.#client.query(this.#setAside, [...placesOf(rows), aside.map(({ reason }) => reason)]);
    }
    return {
      delivered: gone.length,
      deliveredBefore: gone.filter(({ before }) => before).length,
      setAside: aside.length,
      refused: [...refused],
      offline: [...offline],
      unanswered: [...unanswered],
      unblocked: [...unblocked],
    };
  }

  async #remove(items: readonly Item[]): Promise<void> {
    const { rowCount } = await this.#client.query({
      name: "redisops-remove",
      text: this.#statements.remove,
      values: placesOf(items),
    });
    if (rowCount === items.length) return;
    // Somebody has written to rows meanwhile, which are at another place since.
    await this.#client.query(this.#statements.removeById, [
      items.map(({ message }) => message.userId),
      items.map(({ message }) => message.messageId),
    ]);
  }
}
