import type { Client } from "pg";
import type { PendingDeliveriesConfig } from "../../core/config/postgres-section.ts";
import type { RedisopsError } from "../../core/errors.ts";
import {
  type BatchStatements,
  batchStatements,
  userLockPrefix,
  type WaitingRow,
} from "../../core/pending-deliveries/batch-statements.ts";
import type { Message } from "../../core/pending-deliveries/message.ts";
import type { Addressed, Delivered, Delivery, Outcome } from "./delivery/delivery.ts";
import type { Recipient } from "./recipients.ts";
import { type SetAsideTables, setAsideStatement } from "./set-aside.ts";

/** Messages of one user in a batch at most. */
const perUser = 200;
/** Bytes of bodies that do not come along with their rows and are read for one batch. */
const largeBodyBytes = 4 * 2 ** 20;
/** A longer body is set aside unread. */
const longestBody = 64 * 2 ** 20;

/** A row that is being handed over, or cannot be. */
interface Item extends Addressed {
  readonly message: Message & { body: string };
  /** Whether its body has come along, or has been read. */
  isRead: boolean;
  readonly place: string;
  readonly position: string | null;
  readonly attempts: number;
  /** Whether it waited already when the run began. */
  readonly before: boolean;
  readonly bytes: number;
  /** Why it can never be delivered. */
  readonly odd: string | undefined;
}

/** What a turn may take. */
export interface TurnLimits {
  /** Messages of the batch. */
  readonly messages: number;
  /** Messages that a destination may be given. */
  readonly room: (destination: string) => number;
  /** Refusals after which a message is set aside. */
  readonly maxAttempts: number;
  /** When the run began, by Postgres's clock. */
  readonly startedAt: string;
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
  readonly #blames: Blames;

  constructor(client: Client, tables: SetAsideTables, delivery: Delivery, blames: Blames) {
    this.#client = client;
    this.#table = tables.pending;
    this.#delivery = delivery;
    this.#statements = batchStatements(tables.pending);
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
    const { items, again } = await this.#read(locked, users, limits);
    // The portal of the last statement keeps its snapshot until the next one, which would hold back vacuum meanwhile.
    await this.#client.query("SELECT");

    const odd = items.filter((item) => item.odd !== undefined);
    const good = items.filter((item) => item.odd === undefined);
    const began = performance.now();
    const { outcomes, failures } =
      good.length === 0 ? { outcomes: [], failures: new Map() } : await this.#delivery.deliver(good);
    const milliseconds = performance.now() - began;

    const destinations = new Map<string, { messages: number; acknowledged: number; users: string[] }>();
    for (const [index, { serverId, message }] of good.entries()) {
      const name = this.#delivery.destinationOf(serverId);
      const entry = destinations.get(name) ?? { messages: 0, acknowledged: 0, users: [] };
      entry.messages++;
      if (outcomes[index] === "acknowledged") entry.acknowledged++;
      entry.users.push(message.userId);
      destinations.set(name, entry);
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

  /** The locked users' oldest messages, as many as the batch may have; and those users of whom there may be more. */
  async #read(
    locked: readonly string[],
    users: ReadonlyMap<string, Recipient>,
    limits: TurnLimits,
  ): Promise<{ items: readonly Item[]; again: string[] }> {
    if (locked.length === 0) return { items: [], again: [] };
    const each = Math.min(perUser, limits.messages);
    const { rows } = await this.#client.query<WaitingRow & unknown[]>({
      name: "redisops-oldest",
      text: this.#statements.oldest,
      values: [locked, each, limits.messages, limits.startedAt],
      rowMode: "array",
    });
    const room = new Map<string, number>();
    const counts = new Map<string, number>();
    const ended = new Set<string>();
    const items: Item[] = [];
    let large = 0;
    for (const row of rows) {
      const item = this.#itemOf(row, locked, users);
      const userId = item?.message.userId;
      if (item === undefined || userId === undefined || ended.has(userId)) continue;
      const destination = this.#delivery.destinationOf(item.serverId);
      const left = room.get(destination) ?? limits.room(destination);
      const unread = item.isRead ? 0 : item.bytes;
      if (left < 1 || (large > 0 && large + unread > largeBodyBytes)) {
        ended.add(userId);
        continue;
      }
      large += unread;
      counts.set(userId, (counts.get(userId) ?? 0) + 1);
      if (item.odd === undefined) room.set(destination, left - 1);
      // What follows a message that is set aside goes in the next turn.
      else ended.add(userId);
      items.push(item);
    }
    const readable = large > 0 ? await this.#readBodies(items) : items;
    for (const { message } of items.slice(readable.length)) ended.add(message.userId);
    const last = rows.at(-1)?.[0];
    const cut = rows.length >= limits.messages && last !== undefined ? locked.slice(last) : [];
    const more = [...counts].filter(([, count]) => count >= each).map(([user]) => user);
    return { items: readable, again: [...ended, ...cut, ...more] };
  }

  #itemOf(
    row: WaitingRow,
    locked: readonly string[],
    users: ReadonlyMap<string, Recipient>,
  ): Item | undefined {
    const [index, place, position, messageId, conversationId, body, bytes, attempts, before] = row;
    const userId = locked[index];
    const serverId = userId === undefined ? undefined : users.get(userId)?.serverId;
    if (userId === undefined || serverId === undefined) return undefined;
    const odd = oddity(messageId, conversationId, bytes);
    return {
      serverId,
      message: {
        messageId: messageId ?? "",
        userId,
        conversationId: conversationId ?? "",
        body: body ?? "",
      },
      isRead: body !== null || odd !== undefined,
      place,
      position,
      attempts: attempts ?? 0,
      before: before ?? true,
      bytes: bytes ?? 0,
      odd,
    };
  }

  /** Fills in the bodies that did not come along. Answers the rows before the first one that has gone meanwhile. */
  async #readBodies(items: readonly Item[]): Promise<readonly Item[]> {
    const missing = items.filter(({ isRead }) => !isRead);
    const { rows } = await this.#client.query<[string, string]>({
      text: this.#statements.bodies,
      values: placesOf(missing),
      rowMode: "array",
    });
    const bodies = new Map(rows);
    for (const item of missing) {
      const body = bodies.get(item.place);
      if (body === undefined) continue;
      item.message.body = body;
      item.isRead = true;
    }
    const gone = items.findIndex(({ isRead }) => !isRead);
    return gone === -1 ? items : items.slice(0, gone);
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
    for (const [index, item] of good.entries()) {
      const outcome = outcomes[index] ?? "unknown";
      const { userId } = item.message;
      const isBlamed = outcome === "unknown" && blamed.has(userId);
      if (outcome === "acknowledged") gone.push(item);
      else if (outcome === "offline") offline.add(userId);
      else if (typeof outcome === "object" || isBlamed) {
        const reason = typeof outcome === "object" ? outcome.refused : "no answer to this message alone";
        if (item.attempts + 1 >= maxAttempts) {
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
      else if (!unblocked.has(user)) unanswered.add(user);
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

/** Places and positions as Postgres writes arrays: the driver would look for quotes in each of them. */
const placesOf = (items: readonly Item[]): [string, string] => [
  `{"${items.map(({ place }) => place).join('","')}"}`,
  `{${items.map(({ position }) => position ?? "NULL").join(",")}}`,
];

/** Why a row can never be delivered. */
function oddity(
  messageId: string | null,
  conversationId: string | null,
  bytes: number | null,
): string | undefined {
  if (messageId === null) return "the row has no message id";
  if (conversationId === null) return "the row has no conversation id";
  if (bytes === null) return "the row has no body";
  return bytes > longestBody ? "the body is longer than 64 MiB" : undefined;
}
