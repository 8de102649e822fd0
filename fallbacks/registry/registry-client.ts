import { setImmediate as nextLoop } from "node:timers/promises";
import { register as defaultRegistry } from "prom-client";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import type { RedisScript } from "../../core/redis/script.ts";
import {
  type Connection,
  checkConnection,
  defaultRegistryKey,
  formatEntry,
  parseEntry,
  type RegistryEntry,
  registryKeys,
} from "../../core/registry/entry.ts";
import {
  heartbeatScript,
  markDirectScript,
  markQueuedScript,
  registerScript,
  unregisterScript,
} from "../../core/registry/scripts.ts";
import { GuardedStore, type GuardOptions } from "../guard/guarded-store.ts";
import { failed, type StoreFailure } from "../guard/store-failure.ts";
import { Decisions } from "../signals/decisions.ts";
import { Signals } from "../signals/signals.ts";
import type { ConnectionEvents } from "./connection-events.ts";
import { LiveConnections } from "./live-connections.ts";

/** How a registry's client works. */
export interface RegistryOptions extends GuardOptions {
  /** Milliseconds that an entry lives without a heartbeat; send one every third of it. Default 60,000. */
  readonly ttlMs?: number | undefined;
  /** Where connections are told of; nowhere when left out. */
  readonly events?: ConnectionEvents | undefined;
}

/** `superseded`: a newer connection of the user is registered. `unavailable`: the registry gave no answer. */
export type RegisterResult = "registered" | "superseded" | "unavailable";
/** `restored`: the entry was missing, or that of an older connection, and was written. */
export type HeartbeatResult = "extended" | "restored" | "superseded" | "unavailable";
/** `not_registered`: there is no entry of this connection. */
export type UnregisterResult = "unregistered" | "not_registered" | "unavailable";

/** What the heartbeats of many connections came to. */
export interface HeartbeatSummary {
  readonly extended: number;
  readonly restored: number;
  readonly unavailable: number;
  /** Connections whose user has a newer one elsewhere: close them. */
  readonly superseded: readonly Connection[];
}

/** Heartbeats that are sent in one turn of the event loop. */
const heartbeatsPerLoop = 1_000;

/**
 * The connection registry: which server holds a user's connection. No method throws for want of the registry. Of two
 * connections of a user the one with the later `connectedAtMs` counts, whatever order their calls arrive in, so the
 * clocks of connection servers must agree to well within the time that a user takes to reconnect.
 */
export class RegistryClient {
  readonly #store: GuardedStore;
  readonly #keyOf: (userId: string) => string;
  readonly #ttl: number;
  readonly #events: ConnectionEvents | undefined;
  readonly #decisions: Decisions<"offline">;
  readonly #live: LiveConnections;
  readonly #forget: () => void;

  constructor(
    connection: RedisConnectionConfig & { readonly key?: string | undefined },
    options: RegistryOptions = {},
  ) {
    this.#store = new GuardedStore("registry", connection, options);
    this.#keyOf = registryKeys(connection.key ?? defaultRegistryKey);
    this.#ttl = options.ttlMs ?? 60_000;
    this.#events = options.events;
    this.#decisions = new Decisions("registry", ["offline"], options.metrics);
    const live = new LiveConnections(this.#ttl);
    this.#live = live;
    this.#forget = Signals.of(options.metrics ?? defaultRegistry).gauge(
      "redisops_registry_connections",
      { role: "registry" },
      () => live.count,
    );
  }

  /** Waits for the first connection, for at most so many milliseconds. Answers false when the registry is away. */
  ready(milliseconds: number): Promise<boolean> {
    return this.#store.ready(milliseconds);
  }

  /** Gives the connection up. The place of the events is the caller's to close. */
  close(): void {
    this.#forget();
    this.#store.close();
  }

  /**
   * Enters a new connection. When the registry is unavailable its heartbeats will enter it later. Throws a TypeError for
   * ids with white space.
   */
  async register(connection: Connection): Promise<RegisterResult> {
    checkConnection(connection);
    this.#live.alive(connection);
    const answer = await this.#write(registerScript, "register", connection, ...this.#entryArgs(connection));
    const result = failed(answer) ? "unavailable" : answer === 1 ? "registered" : "superseded";
    if (result === "superseded") this.#live.gone(connection);
    else this.#publish("connected", connection, connection.connectedAtMs);
    return result;
  }

  /** Keeps a connection's entry alive, and enters it again where the registry has lost it. */
  async heartbeat(connection: Connection): Promise<HeartbeatResult> {
    checkConnection(connection);
    this.#live.alive(connection);
    const answer = await this.#write(
      heartbeatScript,
      "heartbeat",
      connection,
      ...this.#entryArgs(connection),
    );
    if (failed(answer)) return "unavailable";
    if (answer === 1) return "extended";
    if (answer === 2) return "restored";
    this.#live.gone(connection);
    return "superseded";
  }

  /** Heartbeats of all of a server's connections, so many at a time (256 when left out). */
  async heartbeatAll(connections: Iterable<Connection>, concurrency = 256): Promise<HeartbeatSummary> {
    const counts = { extended: 0, restored: 0, superseded: 0, unavailable: 0 };
    const superseded: Connection[] = [];
    const left = connections[Symbol.iterator]();
    let sent = 0;
    let pause: Promise<void> | undefined;
    const lane = async (): Promise<void> => {
      for (let next = left.next(); next.done !== true; next = left.next()) {
        // Behind an open breaker nothing else would let the event loop go on.
        sent += 1;
        if (sent % heartbeatsPerLoop === 0) pause = nextLoop();
        await pause;
        const result = await this.heartbeat(next.value);
        counts[result] += 1;
        if (result === "superseded") superseded.push(next.value);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return { ...counts, superseded };
  }

  /** Removes the entry of a connection that ended, and no other connection's. */
  async unregister(connection: Connection): Promise<UnregisterResult> {
    checkConnection(connection);
    this.#live.gone(connection);
    const { connectedAtMs, connectionId } = connection;
    const answer = await this.#write(unregisterScript, "unregister", connection, connectedAtMs, connectionId);
    const result = failed(answer) ? "unavailable" : answer === 1 ? "unregistered" : "not_registered";
    // The end of a connection that was superseded would hide the newer one once the topic is compacted.
    if (result !== "not_registered") this.#publish("disconnected", connection, Date.now());
    return result;
  }

  /** The user's connection; undefined means offline, and so does a registry that gives no answer. */
  async lookup(userId: string): Promise<RegistryEntry | undefined> {
    const found = await this.find(userId);
    return failed(found) ? undefined : found;
  }

  /** Like {@link lookup}, but tells a registry that gives no answer apart. Counts as a decision. */
  async find(userId: string): Promise<RegistryEntry | undefined | StoreFailure> {
    const found = await this.#read(userId);
    if (failed(found)) this.#decisions.degraded("offline");
    else this.#decisions.made();
    return found;
  }

  /**
   * The entries of those of the users who are connected; undefined when the registry gave no answer for any of
   * them. Those it gave no answer for are left out. Counts as no decision: it is for delivery workers.
   */
  async entriesOf(users: readonly string[]): Promise<ReadonlyMap<string, RegistryEntry> | undefined> {
    const found = await Promise.all(users.map((userId) => this.#read(userId)));
    if (found.length > 0 && found.every(failed)) return undefined;
    const entries = new Map<string, RegistryEntry>();
    for (const [index, entry] of found.entries()) {
      const userId = users[index];
      if (userId !== undefined && entry !== undefined && !failed(entry)) entries.set(userId, entry);
    }
    return entries;
  }

  /** Says in the user's entry that messages may wait. Answers false when the registry did not take it. */
  async markQueued(userId: string): Promise<boolean> {
    return !failed(await this.#write(markQueuedScript, "mark_queued", { userId }));
  }

  /**
   * Says in the user's entry that nothing waits, unless the entry has changed. Answers false when the registry gave no
   * answer.
   */
  async markDirect(userId: string, entry: RegistryEntry): Promise<boolean> {
    return !failed(await this.#write(markDirectScript, "mark_direct", { userId }, formatEntry(entry)));
  }

  #entryArgs({ connectedAtMs, connectionId, serverId }: Connection): (string | number)[] {
    return [connectedAtMs, connectionId, serverId, this.#ttl];
  }

  async #read(userId: string): Promise<RegistryEntry | undefined | StoreFailure> {
    const key = this.#keyOf(userId);
    const answer = await this.#store.call(key, "lookup", (client) => client.get(key));
    if (failed(answer)) return answer;
    return answer === null ? undefined : parseEntry(answer);
  }

  #write(
    script: RedisScript,
    operation: string,
    { userId }: Pick<Connection, "userId">,
    ...args: (string | number)[]
  ): Promise<unknown> | StoreFailure {
    const key = this.#keyOf(userId);
    return this.#store.call(key, operation, (client) => script.run(client, [key], args));
  }

  #publish(kind: "connected" | "disconnected", connection: Connection, atMs: number): void {
    const { userId, serverId, connectionId } = connection;
    this.#events?.publish({ kind, userId, serverId, connectionId, atMs });
  }
}
