import type { RedisRole } from "../../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../config/redis-section.ts";
import { withDeadline } from "../../deadline.ts";
import { RedisopsError } from "../../errors.ts";
import type { RedisTimeouts } from "../client-options.ts";
import { redisError } from "../redis-error.ts";
import type { RedisScript } from "../script.ts";
import type { Word } from "./command-chunk.ts";
import { findPrimaries } from "./primaries.ts";
import { type Command, RedisLink } from "./redis-link.ts";
import { type Reply, ReplyError } from "./reply-parser.ts";
import type { Router } from "./router.ts";

/** What the commands since the last flush were answered with. */
export interface BulkReplies {
  readonly answered: number;
  /** Of all integers, also those in lists. */
  readonly sum: number;
  /** How many were null, also those in lists. */
  readonly nulls: number;
}

/**
 * Commands to a role at the speed of its servers: nothing waits for an answer but {@link room} and {@link flush}. In a
 * cluster each goes to the primary of its key's slot, also when slots move meanwhile. Commands on one key are carried out
 * in their order, except while its slot moves: flush between two whose order matters.
 *
 * The first error that is not a redirection ends the writer: everything after it rejects with it, and what was sent and
 * not acknowledged by a flush may or may not have been carried out.
 */
export interface BulkWriter {
  /** The role and its address, for messages. */
  readonly target: string;
  /** Sends a command: `words` is all of it, `key` says the slot. Returns at once; see {@link room}. */
  send(key: string, ...words: Word[]): void;
  /** The same, and its answer is handed over, in the order of the answers. */
  sendWithReply(key: string, onReply: (reply: Reply) => void, ...words: Word[]): void;
  /** Sends a command that is in RESP already; its bytes must stay as they are until it is answered. */
  sendEncoded(key: string, command: Buffer, onReply?: (reply: Reply) => void): void;
  /** Sends a command that is an object of the caller's own: the cheapest way where there are millions. */
  sendCommand(command: Command): void;
  /** Runs a script on a key, or on several of one slot; the server is given its source where it does not know it. */
  sendScript(
    script: RedisScript,
    keys: string | readonly [string, ...string[]],
    args: readonly Word[],
    onReply?: (reply: Reply) => void,
  ): void;
  /** Waits until more may be sent: to be awaited every few hundred commands, or before a large one. */
  room(): Promise<void>;
  /** Waits until everything is answered. */
  flush(): Promise<BulkReplies>;
  /** Ends the connections; does not wait for answers. */
  close(): void;
}

export interface BulkOptions {
  /** Bytes that may be sent and not answered yet; 1 MiB unless given. A command is never refused for its size. */
  readonly windowBytes?: number;
}

/** After so many redirections of one command the cluster does not agree with itself. */
const MAX_REDIRECTS = 16;
/** Milliseconds until a command is sent again for which a slot's keys are just being moved. */
const TRY_AGAIN_MS = 50;

/**
 * Opens a writer to a role's primaries. Rejects with a RedisopsError as connectRedis does, at the latest when
 * `timeouts.connect` is over; a server that owes an answer and gives none for `timeouts.command` fails with REDIS_TIMEOUT.
 */
export async function openBulkWriter(
  role: RedisRole,
  config: RedisConnectionConfig,
  timeouts: RedisTimeouts,
  options: BulkOptions = {},
): Promise<BulkWriter> {
  const end = performance.now() + timeouts.connect;
  const { target, router } = await findPrimaries(role, config, timeouts);
  const writer = new Writer(target, router, options.windowBytes ?? 2 ** 20, (address, events) => {
    return new RedisLink(address, `${role} Redis at ${address}`, config, timeouts, events);
  });
  try {
    await withDeadline(
      writer.connect(),
      end - performance.now(),
      () => new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target }),
    );
    return writer;
  } catch (error) {
    writer.close();
    throw error;
  }
}

type OpenLink = (address: string, events: ConstructorParameters<typeof RedisLink>[4]) => RedisLink;

interface Waiter {
  /** Settled when no more bytes than this are unanswered. */
  readonly below: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class Writer implements BulkWriter {
  readonly target: string;
  readonly #router: Router;
  readonly #window: number;
  readonly #open: OpenLink;
  readonly #links = new Map<string, RedisLink>();
  #waiters: Waiter[] = [];
  #unanswered = 0;
  #unansweredBytes = 0;
  #answered = 0;
  #sum = 0;
  #nulls = 0;
  #failure: RedisopsError | undefined;

  constructor(target: string, router: Router, window: number, open: OpenLink) {
    this.target = target;
    this.#router = router;
    this.#window = window;
    this.#open = open;
  }

  async connect(): Promise<void> {
    const ready = this.#router.addresses().map((address) => this.#link(address).ready);
    const failed = new Promise<void>((_resolve, reject) => {
      this.#waiters.push({ below: -1, resolve: () => undefined, reject });
    });
    await Promise.race([Promise.all(ready), failed]);
    this.#waiters = [];
  }

  send(key: string, ...words: Word[]): void {
    this.#send({ key, words, script: undefined, onReply: undefined, bytes: 0, redirects: 0 });
  }

  sendWithReply(key: string, onReply: (reply: Reply) => void, ...words: Word[]): void {
    this.#send({ key, words, script: undefined, onReply, bytes: 0, redirects: 0 });
  }

  sendEncoded(key: string, command: Buffer, onReply?: (reply: Reply) => void): void {
    this.#send({ key, words: command, script: undefined, onReply, bytes: 0, redirects: 0 });
  }

  sendCommand(command: Command): void {
    this.#send(command);
  }

  sendScript(
    script: RedisScript,
    keys: string | readonly [string, ...string[]],
    args: readonly Word[],
    onReply?: (reply: Reply) => void,
  ): void {
    const [key, ...more] = typeof keys === "string" ? [keys] : keys;
    const words = ["EVALSHA", script.digest, 1 + more.length, key, ...more, ...args];
    this.#send({ key, words, script, onReply, bytes: 0, redirects: 0 });
  }

  room(): Promise<void> {
    if (this.#unansweredBytes < this.#window && this.#failure === undefined) return Promise.resolve();
    return this.#until(this.#window >> 1);
  }

  async flush(): Promise<BulkReplies> {
    if (this.#unanswered > 0 || this.#failure !== undefined) await this.#until(0);
    const replies = { answered: this.#answered, sum: this.#sum, nulls: this.#nulls };
    this.#answered = 0;
    this.#sum = 0;
    this.#nulls = 0;
    return replies;
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#fail(new RedisopsError("REDIS_UNREACHABLE", `The connection to ${this.target} was closed`));
  }

  #send(command: Command): void {
    if (this.#failure !== undefined) return;
    this.#unanswered++;
    this.#sendTo(this.#link(this.#router.addressOf(command.key)), command);
  }

  #sendTo(link: RedisLink, command: Command, asking = false): void {
    this.#unansweredBytes += link.send(command, asking);
  }

  #link(address: string): RedisLink {
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    const link = this.#open(address, {
      onReply: (command, reply, from) => this.#take(command, reply, from),
      onFailure: (error) => this.#fail(error),
    });
    this.#links.set(address, link);
    return link;
  }

  #take(command: Command, reply: Reply, from: RedisLink): void {
    this.#unansweredBytes -= command.bytes;
    if (reply instanceof ReplyError) {
      this.#onError(command, reply, from);
      return;
    }
    this.#unanswered--;
    this.#answered++;
    if (typeof reply === "number") this.#sum += reply;
    else if (reply === null) this.#nulls++;
    else if (typeof reply === "object" && !Buffer.isBuffer(reply)) this.#count(reply, from);
    if (command.onReply !== undefined) command.onReply(reply);
    if (this.#waiters.length > 0) this.#wake();
  }

  #count(replies: readonly Reply[], from: RedisLink): void {
    for (const reply of replies) {
      if (typeof reply === "number") this.#sum += reply;
      else if (reply === null) this.#nulls++;
      else if (reply instanceof ReplyError) this.#fail(redisError(reply, from.target));
      else if (typeof reply === "object" && !Buffer.isBuffer(reply)) this.#count(reply, from);
    }
  }

  #onError(command: Command, error: ReplyError, from: RedisLink): void {
    const [kind, slot, place] = error.message.split(" ");
    const goesOn = kind === "MOVED" || kind === "ASK" || kind === "TRYAGAIN";
    const forgotten = kind === "NOSCRIPT" && command.script !== undefined;
    if (!goesOn && !forgotten) {
      this.#fail(redisError(error, from.target));
    } else if (++command.redirects > MAX_REDIRECTS) {
      const message = `${this.target} sends commands round in circles`;
      this.#fail(new RedisopsError("REDIS_CLUSTER_DOWN", message, { target: this.target }));
    } else if (forgotten && command.script !== undefined) {
      from.forget(command.script);
      this.#sendTo(from, command);
    } else if (kind === "TRYAGAIN") {
      setTimeout(() => this.#sendTo(this.#link(this.#router.addressOf(command.key)), command), TRY_AGAIN_MS);
    } else {
      const address = addressAfter(place ?? "", from.address);
      const link = this.#link(address);
      if (kind === "MOVED") this.#router.moved(Number(slot), address);
      this.#sendTo(link, command, kind === "ASK");
    }
  }

  #until(below: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiters.push({ below, resolve, reject }));
  }

  #wake(): void {
    const isSettled = ({ below }: Waiter) =>
      below === 0 ? this.#unanswered === 0 : this.#unansweredBytes <= below;
    if (!this.#waiters.some(isSettled)) return;
    const settled = this.#waiters.filter(isSettled);
    this.#waiters = this.#waiters.filter((waiter) => !isSettled(waiter));
    for (const { resolve } of settled) resolve();
  }

  #fail(error: RedisopsError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const link of this.#links.values()) link.close();
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters = [];
  }
}

/** Where a redirection leads. A server that does not know its own host names none: it is the same as before. */
function addressAfter(place: string, from: string): string {
  return place.startsWith(":") ? `${from.slice(0, from.lastIndexOf(":"))}${place}` : place;
}
