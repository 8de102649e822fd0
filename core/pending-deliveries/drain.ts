import type pg from "pg";
import type { PendingDeliveriesConfig } from "../config/postgres-section.ts";
import { type Deliver, deliverInTime, type Message } from "./message.ts";
import { type PendingStatements, pendingStatements } from "./table.ts";

/** What a drain works with, and how much of it at a time. */
export interface DrainOptions {
  /** Needs `concurrency` + 1 connections with a query_timeout. PgBouncer will do. */
  readonly pool: pg.Pool;
  readonly table: PendingDeliveriesConfig;
  /** The connection servers of those users who are connected, or undefined when the registry does not answer. */
  readonly find: (users: readonly string[]) => Promise<ReadonlyMap<string, string> | undefined>;
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
  /** Told after each user's turn: how many messages were acknowledged and removed, and whether one was refused. */
  readonly onTurn?: ((userId: string, delivered: number, refused: boolean) => void) | undefined;
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
  readonly delivered: number;
  readonly refused: boolean;
  readonly more: boolean;
}

const noTurn: Turn = { tried: false, delivered: 0, refused: false, more: false };

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
      const servers = wanted.length === 0 ? new Map<string, string>() : await find(wanted);
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
  async #deliverTo(connected: readonly (readonly [string, string])[]): Promise<number> {
    const left = connected.values();
    const lane = async (): Promise<number> => {
      let delivered = 0;
      for (const [userId, serverId] of left) {
        for (let more = true; more && !this.#aborted; ) {
          const turn = await this.#turn(userId, serverId).catch((error: unknown) => {
            this.#options.onFailure?.(userId);
            throw error;
          });
          if (turn.tried) this.#options.onTurn?.(userId, turn.delivered, turn.refused);
          delivered += turn.delivered;
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
  async #turn(userId: string, serverId: string): Promise<Turn> {
    const client = await this.#options.pool.connect();
    // A pool listens to its idle connections only: without a listener one that dies during a delivery ends the process.
    client.on("error", ignore);
    let broken: unknown;
    try {
      await client.query("BEGIN");
      const turn = await this.#inTransaction(client, userId, serverId);
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

  async #inTransaction(client: pg.PoolClient, userId: string, serverId: string): Promise<Turn> {
    // A worker that freezes while it holds the lock loses it after that time.
    const { rows: locks } = await client.query<{ mine: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS mine,
              set_config('idle_in_transaction_session_timeout', $2, true)`,
      [`redisops ${this.#options.table.table} ${userId}`, String(this.#deliverDeadline + 5_000)],
    );
    if (locks[0]?.mine !== true) return noTurn;
    const { rows } = await client.query<{ message_id: string; conversation_id: string; body: string }>(
      this.#statements.oldest,
      [userId, this.#batchSize],
    );
    const messages = rows.map(
      ({ message_id, conversation_id, body }): Message => ({
        messageId: message_id,
        userId,
        conversationId: conversation_id,
        body,
      }),
    );
    const { acknowledged, refused } = await this.#deliverInOrder(serverId, messages);
    if (acknowledged.length > 0) await client.query(this.#statements.remove, [userId, acknowledged]);
    if (refused !== undefined) await client.query(this.#statements.countAttempt, [userId, refused]);
    const cut = acknowledged.length < messages.length || messages.length === this.#batchSize;
    return {
      tried: messages.length > 0,
      delivered: acknowledged.length,
      refused: refused !== undefined,
      more: refused === undefined && cut,
    };
  }

  /** Ends at the first message that is not acknowledged: the ones after it must not overtake it. */
  async #deliverInOrder(
    serverId: string,
    messages: readonly Message[],
  ): Promise<{ acknowledged: string[]; refused: string | undefined }> {
    const end = performance.now() + this.#transactionMs;
    const acknowledged: string[] = [];
    for (const message of messages) {
      if (this.#aborted || (acknowledged.length > 0 && performance.now() >= end)) break;
      if (!(await deliverInTime(this.#options.deliver, serverId, message, this.#deliverDeadline))) {
        return { acknowledged, refused: message.messageId };
      }
      acknowledged.push(message.messageId);
    }
    return { acknowledged, refused: undefined };
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
