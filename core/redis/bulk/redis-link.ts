import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { splitAddress } from "../../address.ts";
import type { RedisConnectionConfig } from "../../config/redis-section.ts";
import { readTlsFiles } from "../../config/tls-files.ts";
import { RedisopsError } from "../../errors.ts";
import type { RedisTimeouts } from "../client-options.ts";
import { redisError } from "../redis-error.ts";
import type { RedisScript } from "../script.ts";
import { CommandChunk, type Word } from "./command-chunk.ts";
import { type Reply, ReplyError, ReplyParser } from "./reply-parser.ts";

/** A command that has not been answered yet. */
export interface Command {
  readonly key: string;
  /** Its words, or all of it in RESP. Asked for whenever it is sent. */
  readonly words: readonly Word[] | Buffer | string;
  readonly script?: RedisScript | undefined;
  readonly onReply?: ((reply: Reply) => void) | undefined;
  /** Its size as it was sent last. */
  bytes: number;
  /** How often it was sent elsewhere. */
  redirects: number;
}

/** What a link tells its owner. */
export interface LinkEvents {
  /** A command was answered. */
  onReply(command: Command, reply: Reply, link: RedisLink): void;
  /** The link is of no use any more. */
  onFailure(error: RedisopsError): void;
}

const CHECK_INTERVAL_MS = 50;

/** A reply that concerns the link only. */
type OwnReply = (reply: Reply) => void;

/** Stands where an answered command stood. */
const released: OwnReply = () => undefined;

/**
 * A socket to one server of a role, over which commands go without waiting for the answers of those before them.
 * Logs in by itself. A server that owes answers and gives none for `timeouts.command` counts as hung.
 */
export class RedisLink {
  readonly address: string;
  readonly target: string;
  /** Resolves when the server has taken the credentials. Never rejects: a failure is an event. */
  readonly ready: Promise<void>;
  readonly #events: LinkEvents;
  readonly #socket: Socket;
  readonly #out: CommandChunk;
  readonly #timer: NodeJS.Timeout;
  readonly #scripts = new Set<RedisScript>();
  #waiting: (Command | OwnReply)[] = [];
  #answered = 0;
  /** When the server was last heard of, or began to owe an answer. */
  #heardAt = performance.now();
  /** Milliseconds that it may take for the next one. */
  #allowed: number;
  #ended = false;

  constructor(
    address: string,
    target: string,
    config: RedisConnectionConfig,
    timeouts: RedisTimeouts,
    events: LinkEvents,
  ) {
    this.address = address;
    this.target = target;
    this.#events = events;
    this.#allowed = timeouts.connect;
    const place = splitAddress(address);
    const { tls } = config;
    this.#socket =
      tls === undefined
        ? connect(place)
        : connectTls({
            ...place,
            ...readTlsFiles(tls, target),
            ...(tls.server_name === undefined ? {} : { servername: tls.server_name }),
          });
    this.#socket.setNoDelay(true);
    this.#out = new CommandChunk((bytes, onWritten) => this.#socket.write(bytes, onWritten));
    const parser = new ReplyParser((reply) => this.#take(reply));
    this.#socket.on("data", (bytes) => {
      this.#heardAt = performance.now();
      try {
        parser.push(bytes);
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("Connection is closed.")));
    this.#timer = setInterval(() => this.#checkDeadline(), CHECK_INTERVAL_MS).unref();
    this.ready = this.#login(config).then(() => {
      this.#allowed = timeouts.command;
    });
  }

  /**
   * Sends a command, with the script before it that it needs. `asking` is for a slot that is on its way to this server.
   * Answers its bytes.
   */
  send(command: Command, asking = false): number {
    if (command.script !== undefined && !this.#scripts.has(command.script)) {
      this.#scripts.add(command.script);
      this.#sendOwn(["SCRIPT", "LOAD", command.script.source], (reply) => {
        if (reply instanceof ReplyError) this.#fail(reply);
      });
    }
    if (asking) this.#sendOwn(["ASKING"]);
    this.#push(command);
    command.bytes = this.#out.add(command.words);
    return command.bytes;
  }

  #sendOwn(words: readonly Word[], onReply: OwnReply = () => undefined): void {
    this.#push(onReply);
    this.#out.add(words);
  }

  /** The server has forgotten the script: it is sent again before the next command that needs it. */
  forget(script: RedisScript): void {
    this.#scripts.delete(script);
  }

  close(): void {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #push(waiting: Command | OwnReply): void {
    // A server that owes nothing has all the time.
    if (this.#waiting.length === this.#answered) this.#heardAt = performance.now();
    this.#waiting.push(waiting);
    if (this.#out.isEmpty) process.nextTick(() => this.#out.flush());
  }

  #login(config: RedisConnectionConfig): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const password = config.password?.reveal();
    if (password !== undefined) {
      const words = config.username === undefined ? ["AUTH", password] : ["AUTH", config.username, password];
      this.#sendOwn(words, (reply) => {
        if (reply instanceof ReplyError) this.#fail(reply);
      });
    }
    // A user may not be allowed to name its connection; that the server answers is what counts.
    this.#sendOwn(["CLIENT", "SETNAME", "redisops"], (reply) => {
      if (reply instanceof ReplyError && reply.message.startsWith("NOAUTH")) return this.#fail(reply);
      resolve();
    });
    return promise;
  }

  #take(reply: Reply): void {
    if (this.#ended) return;
    const waiting = this.#waiting[this.#answered];
    if (waiting === undefined) {
      this.#fail(new Error("the server answered what was not asked"));
      return;
    }
    // A command may be large, and its place is kept until some thousands are answered.
    this.#waiting[this.#answered] = released;
    this.#answered++;
    if (this.#answered === this.#waiting.length) {
      this.#waiting = [];
      this.#answered = 0;
    } else if (this.#answered === 8192) {
      this.#waiting = this.#waiting.slice(this.#answered);
      this.#answered = 0;
    }
    if (typeof waiting === "function") waiting(reply);
    else this.#events.onReply(waiting, reply, this);
  }

  #checkDeadline(): void {
    if (!this.#isLate()) return;
    // Where this process was busy, an answer may be there and wait to be read: that comes first.
    setImmediate(() => {
      if (this.#ended || !this.#isLate()) return;
      this.#fail(
        new RedisopsError("REDIS_TIMEOUT", `${this.target} did not answer before the deadline`, {
          target: this.target,
        }),
      );
    });
  }

  #isLate(): boolean {
    return this.#waiting.length > this.#answered && performance.now() - this.#heardAt > this.#allowed;
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.close();
    this.#events.onFailure(redisError(error, this.target));
  }
}
