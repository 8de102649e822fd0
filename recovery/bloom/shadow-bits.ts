import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { RedisopsError } from "../../core/errors.ts";
import { bitmapKeys } from "../../core/filter/bitmap-filter.ts";
import { pushBitmap } from "../../core/filter/push-bitmap.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { ShadowLost, shadowLifetime } from "./shadow-filter.ts";

/** Tries of a transaction that other machines' merges come between. */
const mostTries = 200;
/** Longest wait between two of them, in milliseconds. */
const tryAgain = 50;

/** What a merge takes, and whom it tells. */
export interface Merge {
  /** The bits, in the shadow's pieces. */
  readonly pieces: readonly Uint8Array[];
  /** Ids of the parts whose ids are among the bits. */
  readonly parts: readonly string[];
  /** Name of this process, which no other one has. */
  readonly worker: string;
  readonly beforeChunk: (bytes: number) => Promise<void>;
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Bits that are put together on the server from what several machines have built: strings under the shadow's key, beside
 * them a hash with the parts that are in all of them. A merge sets bits and takes none away, so that it may come late,
 * or twice. Strings that were lost, and perhaps came back in part, are noticed at the next merge and before the swap:
 * once the hash says that a string is there, no merge creates it again.
 */
export class ShadowBits {
  readonly #client: Redis;
  readonly #target: string;
  readonly #key: string;
  readonly #lengths: readonly number[];

  constructor(client: Redis, target: string, key: string, lengths: readonly number[]) {
    this.#client = client;
    this.#target = target;
    this.#key = key;
    this.#lengths = lengths;
  }

  get keys(): readonly string[] {
    return this.#lengths.map((_, piece) => bitmapKeys.shard(this.#key, piece));
  }

  get #manifest(): string {
    return `${this.#key}:parts`;
  }

  /** Adds bits. Resolves when the server has them and says so of the parts. */
  async merge({ pieces, parts, worker, beforeChunk, onProgress, signal }: Merge): Promise<void> {
    const own = `${this.#key}:part:${worker}`;
    let before = 0;
    for (const [piece, bits] of pieces.entries()) {
      const start = before;
      await pushBitmap(this.#client, {
        key: own,
        bits,
        expireSeconds: shadowLifetime,
        beforeChunk,
        onProgress: (bytes) => onProgress(start + bytes),
        signal,
      }).catch((error: unknown) => {
        signal.throwIfAborted();
        throw redisError(error, this.#target);
      });
      await this.#take(own, piece, piece === pieces.length - 1 ? parts : []);
      before += bits.length;
    }
  }

  /** Puts a pushed string into the piece's place, or into what is there. */
  async #take(own: string, piece: number, parts: readonly string[]): Promise<void> {
    const key = bitmapKeys.shard(this.#key, piece);
    const length = this.#lengths[piece] ?? 0;
    for (let attempt = 0; attempt < mostTries; attempt++) {
      const transaction = await this.#ask(async () => {
        await this.#client.watch(this.#manifest, key, own);
        const isThere = (await this.#client.hget(this.#manifest, String(piece))) !== null;
        if (!(await this.#isWhole(own, length)) || (isThere && !(await this.#isWhole(key, length)))) {
          await this.#client.unwatch();
          throw new ShadowLost(this.#target, key, "while it was filled");
        }
        const first = this.#client.multi();
        const merged = isThere ? first.bitop("OR", key, key, own).unlink(own) : first.rename(own, key);
        const said = Object.fromEntries([[String(piece), 1], ...parts.map((part) => [`part ${part}`, 1])]);
        return merged
          .expire(key, shadowLifetime)
          .hset(this.#manifest, said)
          .expire(this.#manifest, shadowLifetime)
          .exec();
      });
      const failed = transaction?.find(([error]) => error !== null)?.[0];
      if (failed) throw redisError(failed, this.#target);
      if (transaction !== null) return;
      await delay(Math.random() * tryAgain);
    }
    throw new RedisopsError("REDIS_ERROR", `${this.#target}: ${key} is changed again and again`, {
      target: this.#target,
    });
  }

  /** Ids of the parts that are in the strings. */
  async parts(): Promise<ReadonlySet<string>> {
    const fields = await this.#ask(() => this.#client.hkeys(this.#manifest));
    return new Set(fields.flatMap((field) => (field.startsWith("part ") ? [field.slice(5)] : [])));
  }

  /** Whether all strings are there as they were built. */
  async areWhole(): Promise<boolean> {
    for (const [piece, key] of this.keys.entries()) {
      if (!(await this.#ask(() => this.#isWhole(key, this.#lengths[piece] ?? 0)))) return false;
    }
    return true;
  }

  /** Reads the strings into memory, one piece at a time. */
  async read(onBytes: (piece: number, at: number, bytes: Buffer) => void, chunkBytes: number): Promise<void> {
    for (const [piece, key] of this.keys.entries()) {
      for (let at = 0; at < (this.#lengths[piece] ?? 0); at += chunkBytes) {
        onBytes(piece, at, await this.#ask(() => this.#client.getrangeBuffer(key, at, at + chunkBytes - 1)));
      }
    }
  }

  /** Lets what is there live on. */
  async renew(): Promise<void> {
    await this.#ask(() =>
      Promise.all([this.#manifest, ...this.keys].map((key) => this.#client.expire(key, shadowLifetime))),
    );
  }

  /** Forgets which parts are in the strings, once all of them are. */
  async forgetParts(): Promise<void> {
    await this.#ask(() => this.#client.unlink(this.#manifest));
  }

  async discard(): Promise<void> {
    await this.#ask(() => this.#client.unlink(this.#manifest, ...this.keys));
  }

  /** One that was lost and came back with an added id has no time to live. */
  async #isWhole(key: string, length: number): Promise<boolean> {
    return (await this.#client.pttl(key)) >= 0 && (await this.#client.strlen(key)) === length;
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw redisError(error, this.#target);
    }
  }
}
