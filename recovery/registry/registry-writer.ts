import { parseDuration } from "../../core/duration.ts";
import { type BulkWriter, openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import type { Command } from "../../core/redis/bulk/redis-link.ts";
import type { Reply } from "../../core/redis/bulk/reply-parser.ts";
import type { ConnectionEvent } from "../../core/registry/connection-event.ts";
import { formatEntry, registryKeys } from "../../core/registry/entry.ts";
import type { Decision } from "../../core/registry/event-batch.ts";
import { endScript, restoreScript } from "../../core/registry/scripts.ts";
import type { RecoveryContext, Run } from "../recovery.ts";
import { RegistryClock } from "./registry-clock.ts";
import { redisTimeouts, registryConfig } from "./registry-source.ts";

/** Commands before which the run is asked whether it may write. */
const PACED = 2_000;
/** Commands after which the writer is asked whether it has room. */
const ROOM = 200;

/** What became of the decisions that were written. */
export interface WriteCounts {
  /** Entries that were written. */
  written: number;
  /** Entries that were there and are newer, or the connection's own. */
  kept: number;
  /** Entries of connections that have ended, removed. */
  removed: number;
  /** Connections that began too long ago to be believed. */
  expired: number;
}

/**
 * Writes decisions into the registry. The common case, a user without an entry, costs one SET; the scripts, which compare,
 * run only where an entry is found. All of it is harmless when it comes late: an entry is written only where there is
 * none or that of an older connection, and removed only with the connection it tells of.
 */
export class RegistryWriter {
  readonly counts: WriteCounts = { written: 0, kept: 0, removed: 0, expired: 0 };
  readonly #bulk: BulkWriter;
  readonly #clock: RegistryClock;
  readonly #run: Run;
  readonly #keyOf: (userId: string) => string;
  readonly #ttl: number;
  readonly #maxAge: number;
  readonly #options: string;
  #found: Decision[] = [];
  readonly #onReply = (isThere: boolean, decision: Decision) => {
    if (isThere) this.#found.push(decision);
    else this.counts.written++;
  };

  private constructor(
    bulk: BulkWriter,
    clock: RegistryClock,
    run: Run,
    { config }: RecoveryContext<"registry">,
  ) {
    this.#bulk = bulk;
    this.#clock = clock;
    this.#run = run;
    this.#keyOf = registryKeys(registryConfig(config).key);
    this.#ttl = parseDuration(config.recovery.registry.entry_ttl);
    const ttl = String(this.#ttl);
    this.#options = `$2\r\nPX\r\n$${ttl.length}\r\n${ttl}\r\n$2\r\nNX\r\n`;
    this.#maxAge = parseDuration(config.recovery.registry.max_age);
  }

  static async open(context: RecoveryContext<"registry">, run: Run): Promise<RegistryWriter> {
    const role = registryConfig(context.config);
    const clock = await RegistryClock.open(role);
    try {
      return new RegistryWriter(await openBulkWriter("registry", role, redisTimeouts), clock, run, context);
    } catch (error) {
      clock.close();
      throw error;
    }
  }

  /** The registry's own time, in milliseconds since 1970. */
  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Sends the decisions on different users. They are carried out when {@link settle} resolves. */
  async send(decisions: readonly Decision[]): Promise<void> {
    for (let start = 0; start < decisions.length; start += PACED) {
      const part = decisions.slice(start, start + PACED);
      await this.#run.pace(part.length);
      await this.#clock.refresh();
      await this.#sendPart(part);
    }
  }

  /** Waits until everything that was sent is carried out. Answers how many entries were written or removed by it. */
  async settle(): Promise<number> {
    const before = this.counts.written + this.counts.removed;
    await this.#bulk.flush();
    while (this.#found.length > 0) {
      const found = this.#found;
      this.#found = [];
      for (let start = 0; start < found.length; start += PACED) {
        await this.#run.pace(0);
        await this.#compare(found.slice(start, start + PACED));
      }
      await this.#bulk.flush();
    }
    return this.counts.written + this.counts.removed - before;
  }

  close(): void {
    this.#bulk.close();
    this.#clock.close();
  }

  async #sendPart(decisions: readonly Decision[]): Promise<void> {
    const now = this.#clock.nowMs();
    // An entry must not claim to be older than it is: a command takes at most the deadline.
    const sinceMs = now + redisTimeouts.command;
    const oldest = now - this.#maxAge;
    let sent = 0;
    for (const decision of decisions) {
      const { event } = decision;
      if (event.kind === "disconnected") this.#look(decision);
      else if (event.atMs < oldest) this.counts.expired++;
      else this.#set(decision, sinceMs);
      if (++sent % ROOM === 0) await this.#bulk.room();
    }
  }

  #set(decision: Decision, sinceMs: number): void {
    const key = this.#keyOf(decision.event.userId);
    this.#bulk.sendCommand(new SetCommand(key, decision, sinceMs, this.#options, this.#onReply));
  }

  #look(decision: Decision): void {
    const key = this.#keyOf(decision.event.userId);
    const onReply = (reply: unknown) => {
      if (reply === 1) this.#found.push(decision);
    };
    this.#bulk.sendWithReply(key, onReply, "EXISTS", key);
  }

  async #compare(decisions: readonly Decision[]): Promise<void> {
    let sent = 0;
    for (const { event, newestMs } of decisions) {
      const key = this.#keyOf(event.userId);
      const { atMs, connectionId, serverId } = event;
      if (event.kind === "connected") {
        this.#bulk.sendScript(restoreScript, key, [atMs, connectionId, serverId, this.#ttl], (reply) => {
          if (reply === 1) this.counts.written++;
          else this.counts.kept++;
        });
      } else {
        this.#bulk.sendScript(endScript, key, [connectionId, newestMs], (reply) => {
          if (reply === 1) this.counts.removed++;
        });
      }
      if (++sent % ROOM === 0) await this.#bulk.room();
    }
  }
}

/** Writes an entry where there is none: one object for the command, its text and its answer, as there are millions. */
class SetCommand implements Command {
  readonly key: string;
  readonly #decision: Decision;
  readonly #sinceMs: number;
  readonly #options: string;
  readonly #onReply: (isThere: boolean, decision: Decision) => void;
  bytes = 0;
  redirects = 0;

  constructor(
    key: string,
    decision: Decision,
    sinceMs: number,
    options: string,
    onReply: (isThere: boolean, decision: Decision) => void,
  ) {
    this.key = key;
    this.#decision = decision;
    this.#sinceMs = sinceMs;
    this.#options = options;
    this.#onReply = onReply;
  }

  get words(): string {
    const { key } = this;
    const entry = entryOf(this.#decision.event, this.#sinceMs);
    return `*6\r\n$3\r\nSET\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n$${Buffer.byteLength(entry)}\r\n${entry}\r\n${this.#options}`;
  }

  onReply(reply: Reply): void {
    this.#onReply(reply === null, this.#decision);
  }
}

function entryOf({ atMs, connectionId, serverId }: ConnectionEvent, sinceMs: number): string {
  return formatEntry({ connectedAtMs: atMs, connectionId, serverId, delivery: "queued", sinceMs });
}
