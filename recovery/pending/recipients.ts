import { setTimeout as delay } from "node:timers/promises";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { type BulkWriter, openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { parseEntry, registryKeys } from "../../core/registry/entry.ts";
import { markQueuedScript } from "../../core/registry/scripts.ts";

type RegistryConfig = NonNullable<RolesConfig["registry"]>;

/** Milliseconds to connect, and for an answer. */
const timeouts = { connect: 5_000, command: 5_000 };
/** Milliseconds from one attempt to the next while the registry is away, and for how long it may be. */
const retryMs = 500;
const patienceMs = 30_000;

/** Where a user is connected, and since when, in milliseconds since 1970. */
export interface Recipient {
  readonly serverId: string;
  readonly connectedAtMs: number;
}

/** What the registry has on users, as many at a time as are asked for. Used by one lane. */
export class Recipients {
  readonly #config: RegistryConfig;
  readonly #keyOf: (userId: string) => string;
  readonly #patienceMs: number;
  #writer: BulkWriter | undefined;

  /** With `patience` false the first failure counts. */
  constructor(config: RegistryConfig, { patient = true } = {}) {
    this.#config = config;
    this.#keyOf = registryKeys(config.key);
    this.#patienceMs = patient ? patienceMs : 0;
  }

  /**
   * Those of the users who are connected. A registry that is away is waited for, up to half a minute; then it rejects
   * with what is wrong with it.
   */
  async find(users: readonly string[], signal: AbortSignal): Promise<Map<string, Recipient>> {
    const end = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        return await this.#lookUp(users);
      } catch (error) {
        this.close();
        signal.throwIfAborted();
        if (performance.now() >= end) throw toRedisopsError(error);
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
        signal.throwIfAborted();
      }
    }
  }

  /**
   * Writes into the entries of those who have one that messages wait for them: from then on routers look at the table
   * before they hand a message over directly. Rejects when the registry gives no answer.
   */
  async markQueued(users: readonly string[]): Promise<void> {
    const writer = await this.#connected();
    for (const user of users) writer.sendScript(markQueuedScript, this.#keyOf(user), []);
    await writer.flush();
  }

  close(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  async #lookUp(users: readonly string[]): Promise<Map<string, Recipient>> {
    const writer = await this.#connected();
    const found = new Map<string, Recipient>();
    for (const user of users) {
      const key = this.#keyOf(user);
      writer.sendWithReply(
        key,
        (reply) => {
          // An entry of another layout counts as none, for there is nowhere to deliver to.
          const entry = Buffer.isBuffer(reply) ? parseEntry(reply.toString()) : undefined;
          if (entry !== undefined) found.set(user, entry);
        },
        "GET",
        key,
      );
    }
    await writer.flush();
    return found;
  }

  async #connected(): Promise<BulkWriter> {
    this.#writer ??= await openBulkWriter("registry", this.#config, timeouts);
    return this.#writer;
  }
}
