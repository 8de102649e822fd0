import type { Client } from "pg";
import type { BatchStatements, WaitingRow } from "../../core/pending-deliveries/batch-statements.ts";
import type { Message } from "../../core/pending-deliveries/message.ts";
import type { Addressed, Delivery } from "./delivery/delivery.ts";
import type { Recipient } from "./recipients.ts";

/** Messages of one user in a batch at most. */
const perUser = 200;
/** Bytes of bodies that do not come along with their rows and are read for one batch. */
const largeBodyBytes = 4 * 2 ** 20;
/** A longer body is set aside unread. */
const longestBody = 64 * 2 ** 20;

/** A row that is being handed over, or cannot be. */
export interface Item extends Addressed {
  readonly message: Message & { body: string };
  /** Whether its body has come along, or has been read. */
  isRead: boolean;
  readonly place: string;
  readonly position: string | null;
  /** Whether it waited already when the run began. */
  readonly before: boolean;
  /** Of a body that did not come along. */
  readonly bytes: number;
  /** Why it can never be delivered. */
  readonly odd: string | undefined;
}

/** How much a batch may have. */
export interface BatchLimits {
  /** Messages of the batch. */
  readonly messages: number;
  /** Messages that a destination may be given. */
  readonly room: (destination: string) => number;
  /** When the run began, by Postgres's clock. */
  readonly startedAt: string;
}

/** Reads the messages of a batch, in bounded memory however large they are. Used by one lane. */
export class BatchReader {
  readonly #client: Client;
  readonly #statements: BatchStatements;
  readonly #delivery: Delivery;

  constructor(client: Client, statements: BatchStatements, delivery: Delivery) {
    this.#client = client;
    this.#statements = statements;
    this.#delivery = delivery;
  }

  /** The locked users' oldest messages, as many as the batch may have; and those users of whom there may be more. */
  async read(
    locked: readonly string[],
    users: ReadonlyMap<string, Recipient>,
    limits: BatchLimits,
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
    const [index, place, position, messageId, conversationId, body, bytes, isNew] = row;
    const userId = locked[index];
    const serverId = userId === undefined ? undefined : users.get(userId)?.serverId;
    if (userId === undefined || serverId === undefined) return undefined;
    const odd = oddity(messageId, conversationId, body, bytes);
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
      before: isNew !== true,
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
}

/** Places and positions as Postgres writes arrays: the driver would look for quotes in each of them. */
export const placesOf = (items: readonly Item[]): [string, string] => [
  `{"${items.map(({ place }) => place).join('","')}"}`,
  `{${items.map(({ position }) => position ?? "NULL").join(",")}}`,
];

/** Why a row can never be delivered. */
function oddity(
  messageId: string | null,
  conversationId: string | null,
  body: string | null,
  bytes: number | null,
): string | undefined {
  if (messageId === null) return "the row has no message id";
  if (conversationId === null) return "the row has no conversation id";
  if (body === null && bytes === null) return "the row has no body";
  return (bytes ?? 0) > longestBody ? "the body is longer than 64 MiB" : undefined;
}
