import type pg from "pg";
import type { PendingDeliveriesConfig } from "../config/postgres-section.ts";
import { userLockPrefix } from "./batch-statements.ts";
import { deliveryDelay } from "./delay.ts";
import { type Deliver, deliverInTime, type Message } from "./message.ts";
import { type PendingStatements, pendingStatements } from "./table.ts";

/** Where a connected user's messages are handed over, and since when they could be, in milliseconds since 1970. */
export interface Recipient {
  readonly serverId: string;
  readonly connectedAtMs: number;
}

/** What a drain works with, and how much of it at a time. */
export interface DrainOptions {
  /** Needs `concurrency` + 1 connections with a query_timeout. PgBouncer will do. */
  readonly pool: pg.Pool;
  readonly table: PendingDeliveriesConfig;
  /** Those of the users who are connected, or undefined when the registry does not answer. */
  readonly find: (users: readonly string[]) => Promise<ReadonlyMap<string, Recipient> | undefined>;
  readonly deliver: Deliver;
  /** Milliseconds that a connection server has to acknowledge a message. Default 1,000. */
  readonly deliverDeadlineMs?: number | undefined;
  /** Users whose messages are delivered at the same time. Default 8. */
  readonly concurrency?: number | undefined;
  /** Users who are looked up together. Default 500. */
  readonly usersPerPage?: number | undefined;
  /** Messages of a user in one transaction, all of them delivered twice if the process dies in it. Default 100. */
  readonly batchSize?: number | undefined;
  /** Milliseconds after which a user's transaction takes no further message. Default 1,000. */
  readonly transactionMs?: number | undefined;
  /** Users to leave alone for now. */
  readonly skip?: ((userId: string) => boolean) | undefined;
  /**
   * Told after each user's turn: of each message that was acknowledged and removed how many milliseconds it waited while
   * its recipient was connected, and whether one was refused.
   */
  readonly onTurn?: ((userId: string, delaysMs: readonly number[], refused: boolean) => void) | undefined;
  /** Told when Postgres failed in a user's turn: whatever was acknowledged in it is handed over again. */
  readonly onFailure?: ((userId: string) => void) | undefined;
  /** Ends the drain after the messages that are on their way. */
  readonly signal?: AbortSignal | undefined;
}

/** What a drain came to. */
export interface DrainResult {
  /** Messages that were acknowledged and removed. */
  readonly delivered: number;
  /** Whether the registry answered for every page. The drain ends early when it gave no answer for as many as a page. */
  readonly registryAnswered: boolean;
}

interface Turn {
  readonly tried: boolean;
  /** Of each message that was acknowledged and removed. */
  readonly delaysMs: readonly number[];
  readonly refused: boolean;
  readonly more: boolean;
}

const noTurn: Turn = { tried: false, delaysMs: [], refused: false, more: false };

/** A message and for how many milliseconds it had waited when it was read. */
interface Waiting {
  readonly message: Message;
  readonly waitedMs: number;
}

const ignore = (): void => undefined;

/** One pass over all users for whom messages wait. */
class Drain {
  readonly #options: DrainOptions;
  readonly #statements: PendingStatements;
  readonly #concurrency: number;
  readonly #batchSize: number;
  readonly #deliverDeadline: number;
  readonly #transactionMs: number;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#statements = pendingStatements(options.table);
    this.#concurrency = options.concurrency ?? 8;
    this.#batchSize = options.batchSize ?? 100;
    this.#deliverDeadline = options.deliverDeadlineMs ?? 1_000;
    this.#transactionMs = options.transactionMs ?? 1_000;
  }

  async run(): Promise<DrainResult> {
    const { pool, find, skip, usersPerPage = 500 } = this.#options;
    let delivered = 0;
    let registryAnswered = true;
    let unanswered = 0;
    for (let last = ""; !this.#aborted; ) {
      const { rows } = await pool.query<{ name: string }>(this.#statements.users, [last, usersPerPage]);
      const users = rows.map(({ name }) => name);
      const wanted = skip === undefined ? users : users.filter((user) => !skip(user));
      const servers = wanted.length === 0 ? new Map<string, Recipient>() : await find(wanted);
      if (servers === undefined) {
        // Few users without an answer may be all of one shard: the others' must not wait for it.
        registryAnswered = false;
        unanswered += wanted.length;
        if (unanswered >= usersPerPage) break;
      } else {
        if (wanted.length > 0) unanswered = 0;
        delivered += await this.#deliverTo([...servers]);
      }
      const next = users.at(-1);
      if (next === undefined || users.length < usersPerPage) break;
      last = next;
    }
    return { delivered, registryAnswered };
  }

  get #aborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  /** Delivers to connected users, several at a time. */
  async #deliverTo(connected: readonly (readonly [string, Recipient])[]): Promise<number> {
    const left = connected.values();
    const lane = async (): Promise<number> => {
      let delivered = 0;
      for (const [userId, recipient] of left) {
        for (let more = true; more && !this.#aborted; ) {
          const turn = await this.#turn(userId, recipient).catch((error: unknown) => {
            this.#options.onFailure?.(userId);
            throw error;
          });
          if (turn.tried) this.#options.onTurn?.(userId, turn.delaysMs, turn.refused);
          delivered += turn.delaysMs.length;
          more = turn.more;
        }
      }
      return delivered;
    };
    const lanes = Array.from({ length: Math.min(this.#concurrency, connected.length) }, lane);
    const outcomes = await Promise.allSettled(lanes);
    const broken = outcomes.find((outcome) => outcome.status === "rejected");
    if (broken !== undefined) throw broken.reason;
    return outcomes.reduce((sum, outcome) => sum + (outcome.status === "fulfilled" ? outcome.value : 0), 0);
  }

  /**
   * Delivers a user's oldest messages in one transaction that holds the user's lock, so that no other worker delivers to
   * the same user. The lock is advisory: a row lock would give the transaction an id, which holds back vacuum.
   */
  async #turn(userId: string, recipient: Recipient): Promise<Turn> {
    const client = await this.#options.pool.connect();
    // A pool listens to its idle connections only: without a listener one that dies during a delivery ends the process.
    client.on("error", ignore);
    let broken: unknown;
    try {
      await client.query("BEGIN");
      const turn = await this.#inTransaction(client, userId, recipient);
      await client.query("COMMIT");
      return turn;
    } catch (error) {
      broken = error;
      throw error;
    } finally {
      if (broken === undefined) client.off("error", ignore);
      client.release(broken !== undefined);
    }
  }

  async #inTransaction(client: pg.PoolClient, userId: string, recipient: Recipient): Promise<Turn> {
    // A worker that freezes while it holds the lock loses it after that time.
    const { rows: locks } = await client.query<{ mine: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS mine,
              set_config('idle_in_transaction_session_timeout', $2, true)`,
      [`${userLockPrefix(this.#options.table)}${userId}`, String(this.#deliverDeadline + 5_000)],
    );
    if (locks[0]?.mine !== true) return noTurn;
    const { rows } = await client.query<{
      message_id: string;
      conversation_id: string;
      body: string;
      waited_ms: number;
    }>(this.#statements.oldest, [userId, this.#batchSize]);
    const messages = rows.map(
      ({ message_id, conversation_id, body, waited_ms }): Waiting => ({
        message: { messageId: message_id, userId, conversationId: conversation_id, body },
        waitedMs: waited_ms,
      }),
    );
    const { acknowledged, delaysMs, refused } = await this.#deliverInOrder(recipient, messages);
    if (acknowledged.length > 0) await client.query(this.#statements.remove, [userId, acknowledged]);
    if (refused !== undefined) await client.query(this.#statements.countAttempt, [userId, refused]);
    const cut = acknowledged.length < messages.length || messages.length === this.#batchSize;
    return {
      tried: messages.length > 0,
      delaysMs,
      refused: refused !== undefined,
      more: refused === undefined && cut,
    };
  }

  /** Ends at the first message that is not acknowledged: the ones after it must not overtake it. */
  async #deliverInOrder(
    { serverId, connectedAtMs }: Recipient,
    messages: readonly Waiting[],
  ): Promise<{ acknowledged: string[]; delaysMs: number[]; refused: string | undefined }> {
    const start = performance.now();
    const acknowledged: string[] = [];
    const delaysMs: number[] = [];
    for (const { message, waitedMs } of messages) {
      if (this.#aborted || (acknowledged.length > 0 && performance.now() >= start + this.#transactionMs))
        break;
      if (!(await deliverInTime(this.#options.deliver, serverId, message, this.#deliverDeadline))) {
        return { acknowledged, delaysMs, refused: message.messageId };
      }
      acknowledged.push(message.messageId);
      delaysMs.push(deliveryDelay(waitedMs + performance.now() - start, connectedAtMs));
    }
    return { acknowledged, delaysMs, refused: undefined };
  }
}

/**
 * Delivers what waits to the users who are connected, each user's messages in order and each one removed after its
 * acknowledgement; users who are not connected are left alone. Several drains may run at the same time: a user is served
 * by one of them. A message is delivered again when a drain dies between acknowledgement and removal.
 *
 * Rejects with Postgres's error when Postgres fails; what was acknowledged and not yet removed is delivered again.
 */
export function drainPending(options: DrainOptions): Promise<DrainResult> {
  return new Drain(options).run();
}
