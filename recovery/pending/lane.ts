import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { Config } from "../../core/config/schema.ts";
import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import { usersPage } from "../../core/pending-deliveries/batch-statements.ts";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import type { Delivery } from "./delivery/delivery.ts";
import { openDelivery } from "./delivery/open-delivery.ts";
import type { Destinations } from "./destinations.ts";
import { type PendingConfig, timeouts } from "./pending-config.ts";
import type { UserRange } from "./ranges.ts";
import { type Recipient, Recipients } from "./recipients.ts";
import type { Refusals } from "./refusals.ts";
import { type TurnResult, Turns } from "./turn.ts";
import type { DeliveryWindow } from "./window.ts";

/** Rows whose recipients are read at once. */
const rowsPerPage = 4_000;
/** What Postgres answers when its table of locks is full. */
const outOfLocks = "53200";
/** Milliseconds for which a user is left alone whom another process serves. */
const busyPause = 500;
/** Milliseconds between looks at a destination that is left alone. */
const lookMs = 50;

/** What a process has done so far, and what the last pass had to leave. */
export interface Tally {
  delivered: number;
  /** Those that waited when the run began. */
  deliveredBefore: number;
  setAside: number;
  /** Connected users whom a pass had to leave: served by somebody else, refused, or not reachable. */
  left: number;
  /** Users whom the endpoint did not find connected. */
  notThere: number;
}

/** What the lanes of a process share. */
export interface LaneWork {
  readonly config: Config;
  readonly pending: PendingConfig;
  readonly startedAt: string;
  readonly window: DeliveryWindow;
  readonly destinations: Destinations;
  readonly refusals: Refusals;
  readonly tally: Tally;
  /** Advisory locks that one transaction may take; halved when Postgres has none left. */
  readonly locks: { perTurn: number };
  readonly signal: AbortSignal;
  readonly pace: (items: number) => Promise<void>;
  readonly onProgress: () => void;
}

/** One of the lanes of a process: its connections, and one batch at a time on them. */
export class Lane {
  readonly #work: LaneWork;
  readonly #database: PostgresConnection;
  readonly #recipients: Recipients;
  readonly #delivery: Delivery;
  readonly #turns: Turns;
  /** Messages that were paced and not delivered. */
  #paid = 0;

  private constructor(work: LaneWork, database: PostgresConnection) {
    this.#work = work;
    this.#database = database;
    this.#recipients = new Recipients(work.pending.registry);
    this.#delivery = openDelivery(work.config);
    this.#turns = new Turns(
      database.client,
      work.pending,
      this.#delivery,
      work.refusals,
      (name, failure, users) => work.destinations.failed(name, failure, users),
    );
  }

  /** Rejects with a RedisopsError when Postgres cannot be reached. */
  static async open(work: LaneWork): Promise<Lane> {
    const database = await connectPostgres(work.pending.postgres, timeouts);
    try {
      // Whoever freezes while it holds users' locks loses them after that time. Compiling statements costs more than it saves.
      await database.client.query(
        `SET idle_in_transaction_session_timeout = ${parseDuration(work.config.recovery.pending.delivery_deadline) + 5_000};
         SET jit = off`,
      );
      return new Lane(work, database);
    } catch (error) {
      await database.close();
      throw postgresError(error, database.target);
    }
  }

  async close(): Promise<void> {
    this.#recipients.close();
    await Promise.all([this.#delivery.close(), this.#database.close()]);
  }

  /** Locks that Postgres has room for, of all its clients. */
  async lockSlots(): Promise<number> {
    const { rows } = await this.#ask((client) =>
      client.query<{ slots: number }>(
        `SELECT current_setting('max_locks_per_transaction')::integer
                * (current_setting('max_connections')::integer
                   + current_setting('max_prepared_transactions')::integer) AS slots`,
      ),
    );
    return rows[0]?.slots ?? 0;
  }

  /** One pass over the recipients of a range. */
  async serveRange(range: UserRange): Promise<void> {
    let after = range.after;
    for (;;) {
      this.#work.signal.throwIfAborted();
      const page = await this.#page({ after, upTo: range.upTo });
      const last = page.users.at(-1);
      if (last === undefined) return;
      await this.#serve(page.users);
      if (page.ended) return;
      after = last;
    }
  }

  async #page({ after, upTo }: UserRange): Promise<{ users: string[]; ended: boolean }> {
    const text = usersPage(this.#work.pending.pending, {
      after: after !== undefined,
      upTo: upTo !== undefined,
    });
    const bounds = [after, upTo].filter((bound) => bound !== undefined);
    const { rows } = await this.#ask((client) =>
      client.query<[string, number]>({ text, values: [rowsPerPage, ...bounds], rowMode: "array" }),
    );
    const read = rows.reduce((sum, [, count]) => sum + count, 0);
    return { users: rows.map(([name]) => name), ended: read < rowsPerPage };
  }

  /** Serves those of the users who are connected, each until nothing is left or something is in the way. */
  async #serve(users: readonly string[]): Promise<void> {
    const { destinations, tally, signal } = this.#work;
    const states = users.map((user) => destinations.isLeft(user));
    tally.left += states.filter((state) => state === "for now").length;
    const wanted = users.filter((_, index) => states[index] === undefined);
    if (wanted.length === 0) return;
    const connected = await this.#recipients.find(wanted, signal);
    let open = new Map(connected);
    while (open.size > 0) {
      const { batch, cooling, lost } = this.#pick(open);
      for (const user of lost) open.delete(user);
      tally.left += lost.length;
      if (batch.size > 0) {
        open = await this.#turn(open, batch);
      } else if (!this.#delivery.single) {
        // Other connection servers take messages meanwhile.
        tally.left += open.size;
        return;
      } else if (cooling !== undefined) {
        await delay(Math.min(lookMs, Math.max(1, cooling - performance.now())), undefined, { signal }).catch(
          () => undefined,
        );
        signal.throwIfAborted();
      }
    }
  }

  /** Users for the next turn; and users whose destination is given up, and when the first of the others is tried again. */
  #pick(open: ReadonlyMap<string, Recipient>): {
    batch: Map<string, Recipient>;
    lost: string[];
    cooling: number | undefined;
  } {
    const { destinations, window, locks } = this.#work;
    const most = Math.max(1, Math.min(locks.perTurn, window.batch));
    const batch = new Map<string, Recipient>();
    const lost: string[] = [];
    const taken = new Map<string, number>();
    let cooling: number | undefined;
    for (const [user, recipient] of open) {
      if (batch.size >= most) break;
      const name = this.#delivery.destinationOf(recipient.serverId);
      const at = destinations.availableAt(name);
      if (at === undefined) {
        if (this.#delivery.single)
          throw destinations.failureOf(name) ?? new Error("a destination failed without a reason");
        lost.push(user);
        continue;
      }
      const room = destinations.room(name);
      const used = taken.get(name) ?? 0;
      if (room === 0) cooling = Math.min(cooling ?? at, at);
      else if (used < room) {
        taken.set(name, used + 1);
        batch.set(user, recipient);
      }
    }
    return { batch, lost, cooling };
  }

  /** One turn. Answers those users of whom there is more to serve. */
  async #turn(
    open: ReadonlyMap<string, Recipient>,
    batch: ReadonlyMap<string, Recipient>,
  ): Promise<Map<string, Recipient>> {
    const { window, destinations, tally, locks, startedAt, config } = this.#work;
    const messages = window.batch;
    await this.#pay(messages);
    let result: TurnResult;
    try {
      result = await window.inLane(() =>
        this.#ask(() =>
          this.#turns.serve(batch, {
            messages,
            room: (name) => destinations.room(name),
            maxAttempts: config.recovery.pending.max_attempts,
            startedAt,
          }),
        ),
      );
    } catch (error) {
      if (!isOutOfLocks(error) || locks.perTurn <= 1) throw error;
      locks.perTurn = Math.max(1, Math.min(locks.perTurn, batch.size) >> 1);
      return new Map(open);
    }
    this.#paid = Math.max(0, this.#paid - result.delivered);
    tally.delivered += result.delivered;
    tally.deliveredBefore += result.deliveredBefore;
    tally.setAside += result.setAside;
    this.#note(batch, result);
    this.#work.onProgress();

    const rest = new Map(open);
    const again = new Set(result.again);
    for (const user of batch.keys()) if (!again.has(user)) rest.delete(user);
    return rest;
  }

  #note(batch: ReadonlyMap<string, Recipient>, result: TurnResult): void {
    const { window, destinations, tally } = this.#work;
    if (result.failures.size > 0) window.failed();
    else if (result.destinations.size > 0) window.delivered(result.milliseconds, result.full);
    for (const [name, { acknowledged }] of result.destinations) {
      if (acknowledged > 0 && !result.failures.has(name)) destinations.acknowledged(name);
    }
    for (const user of result.busy) destinations.leave(user, busyPause);
    for (const user of result.refused) destinations.leave(user);
    destinations.leaveUnanswered(result.unanswered);
    for (const user of result.offline) destinations.leaveForGood(user);
    tally.left += result.busy.length + result.refused.length + result.unanswered.length;
    tally.notThere += result.offline.length;
    const left = new Set([...result.busy, ...result.refused, ...result.unanswered, ...result.offline]);
    for (const user of batch.keys()) if (!left.has(user)) destinations.served(user);
  }

  /** Waits for the rate before a batch: what an earlier one did not use counts for this one. */
  async #pay(messages: number): Promise<void> {
    const due = Math.max(0, messages - this.#paid);
    const began = performance.now();
    await this.#work.pace(due);
    this.#work.window.paced(performance.now() - began);
    this.#paid += due;
  }

  async #ask<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await work(this.#database.client);
    } catch (error) {
      if (error instanceof RedisopsError) throw error;
      throw postgresError(error, this.#database.target);
    }
  }
}

function isOutOfLocks(error: unknown): boolean {
  const cause = error instanceof RedisopsError ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === outOfLocks;
}
