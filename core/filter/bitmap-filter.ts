import type { Redis } from "ioredis";
import type { FilterConfig } from "../config/redis-section.ts";
import { RedisopsError } from "../errors.ts";
import { redisError } from "../redis/redis-error.ts";
import {
  type BitmapLayout,
  bitmapLayout,
  bytesPerShard,
  estimatedFalsePositiveRatio,
  estimatedItems,
  positions,
} from "./bitmap-layout.ts";
import type { Filter, FilterId, FilterState } from "./filter.ts";

/** Filters up to this size are counted whole; BITCOUNT of 1 MiB takes the server well under a millisecond. */
const fullCountBytes = 1_048_576;
/** Larger ones are sampled: this many random windows of this many bytes, 2 million bits in all. */
const windowCount = 64;
const windowBytes = 4096;

/** Most ids whose bits travel in one command; the server works on one for some tens of microseconds. */
const idsPerCommand = 100;

/** Ids of one shard, by their index in the request, with all their bits one after another. */
interface IdGroup {
  readonly shard: number;
  readonly members: number[];
  readonly bits: number[];
  readonly hashes: number;
}

/** The Redis keys of a bitmap filter: its shards, and the hash that describes its layout to every reader. */
export const bitmapKeys = {
  shard: (key: string, shard: number) => `${key}:bits:${shard}`,
  meta: (key: string) => `${key}:meta`,
};

/** When a meta hash says that its filter was created, in milliseconds since 1970; undefined where it does not say. */
function createdFromMeta({ created_ms }: Readonly<Record<string, string | undefined>>): number | undefined {
  const created = /^\d{1,16}$/.test(created_ms ?? "") ? Number(created_ms) : 0;
  return created > 0 ? created : undefined;
}

/** The meta hash's field that says when the filter was created. */
export const createdField = (createdMs: number) => ({ created_ms: String(Math.trunc(createdMs)) });

/** The layout as it stands in the filter's meta hash. */
export function layoutToMeta(layout: BitmapLayout) {
  return {
    version: "1",
    capacity: String(layout.capacity),
    error_rate: String(layout.errorRate),
    hashes: String(layout.hashes),
    shards: String(layout.shards),
    bits_per_shard: String(layout.bitsPerShard),
  };
}

/** The layout that a meta hash describes; undefined where it describes none. */
export function layoutFromMeta(meta: Readonly<Record<string, string | undefined>>): BitmapLayout | undefined {
  const layout = {
    capacity: Number(meta.capacity),
    errorRate: Number(meta.error_rate),
    hashes: Number(meta.hashes),
    shards: Number(meta.shards),
    bitsPerShard: Number(meta.bits_per_shard),
  };
  const whole = [layout.capacity, layout.hashes, layout.shards, layout.bitsPerShard];
  const valid =
    meta.version === "1" &&
    layout.errorRate > 0 &&
    whole.every((value) => Number.isSafeInteger(value) && value >= 1);
  return valid ? layout : undefined;
}

/** The configured layout of a new bitmap filter. */
export function configuredLayout(config: FilterConfig): BitmapLayout {
  return bitmapLayout({ capacity: config.capacity, errorRate: config.error_rate });
}

/** A filter in plain Redis strings, laid out as core/filter/bitmap-layout.ts says. */
export class BitmapFilter implements Filter {
  readonly #client: Redis;
  readonly #target: string;
  readonly #key: string;
  readonly #configured: BitmapLayout;

  constructor(client: Redis, target: string, key: string, configured: BitmapLayout) {
    this.#client = client;
    this.#target = target;
    this.#key = key;
    this.#configured = configured;
  }

  /** The layout of the live filter; the configured one where the filter does not say (a new or lost one). */
  async layout(): Promise<BitmapLayout> {
    return this.#layoutOf(await this.#meta());
  }

  #layoutOf(meta: Readonly<Record<string, string>>): BitmapLayout {
    if (Object.keys(meta).length === 0) return this.#configured;
    const layout = layoutFromMeta(meta);
    if (layout !== undefined) return layout;
    throw new RedisopsError(
      "FILTER_WRONG_TYPE",
      `${this.#target}: ${bitmapKeys.meta(this.#key)} does not describe a bitmap filter`,
      { target: this.#target },
    );
  }

  /**
   * Whether no shard is longer than its layout says. Shorter ones are whole: SETBIT and BITFIELD lengthen a string as
   * they need. A longer one was written to with another layout.
   */
  async fits(): Promise<boolean> {
    const layout = await this.layout();
    return (await this.#lengths(layout)).every((length) => length <= bytesPerShard(layout));
  }

  /** Throws FILTER_WRONG_TYPE where a string is longer than a shard and no meta hash says that it is one. */
  async state(): Promise<FilterState> {
    const meta = await this.#meta();
    const layout = this.#layoutOf(meta);
    const lengths = await this.#lengths(layout);
    const longer = lengths.findIndex((length) => length > bytesPerShard(layout));
    if (longer >= 0 && Object.keys(meta).length === 0) {
      const bytes = (value = 0) => `${value.toLocaleString("en-US")} bytes`;
      throw new RedisopsError(
        "FILTER_WRONG_TYPE",
        `${this.#target}: ${bitmapKeys.shard(this.#key, longer)} has ${bytes(lengths[longer])}, where a shard of the filter has ${bytes(bytesPerShard(layout))}, and no ${bitmapKeys.meta(this.#key)} describes it`,
        { target: this.#target },
      );
    }
    const sizeBytes = lengths.reduce((sum, length) => sum + length, 0);
    const { fillRatio, standardError } = await this.#fill(layout, sizeBytes > 0);
    return {
      exists: sizeBytes > 0,
      sizeBytes,
      capacity: layout.capacity,
      targetFalsePositiveRatio: layout.errorRate,
      fillRatio,
      fillStandardError: standardError,
      estimatedIds: Math.round(estimatedItems(fillRatio, layout)),
      falsePositiveRatio: estimatedFalsePositiveRatio(fillRatio, layout.hashes),
      createdMs: createdFromMeta(meta),
    };
  }

  async has(ids: readonly FilterId[]): Promise<boolean[]> {
    const groups = this.#group(ids, await this.layout());
    const replies = await this.#run(
      groups.map(({ shard, bits }) => [
        "bitfield_ro",
        bitmapKeys.shard(this.#key, shard),
        ...bits.flatMap((bit) => ["GET", "u1", bit]),
      ]),
    );
    const present = new Array<boolean>(ids.length).fill(false);
    for (const [index, { members, hashes }] of groups.entries()) {
      const bits = replies[index] as unknown as readonly number[];
      for (const [order, member] of members.entries()) {
        present[member] = bits.slice(order * hashes, (order + 1) * hashes).every((bit) => bit === 1);
      }
    }
    return present;
  }

  async add(ids: readonly FilterId[]): Promise<void> {
    await this.#run(
      this.#group(ids, await this.layout()).map(({ shard, bits }) => [
        "bitfield",
        bitmapKeys.shard(this.#key, shard),
        ...bits.flatMap((bit) => ["SET", "u1", bit, 1]),
      ]),
    );
  }

  /** Ids of one shard share a command: a command for each id costs both sides several times as much. */
  #group(ids: readonly FilterId[], layout: BitmapLayout): IdGroup[] {
    const open = new Map<number, IdGroup>();
    const groups: IdGroup[] = [];
    for (const [member, id] of ids.entries()) {
      const { shard, bits } = positions(id, layout);
      let group = open.get(shard);
      if (group === undefined || group.members.length === idsPerCommand) {
        group = { shard, members: [], bits: [], hashes: layout.hashes };
        open.set(shard, group);
        groups.push(group);
      }
      group.members.push(member);
      group.bits.push(...bits);
    }
    return groups;
  }

  /** What the filter says about itself; nothing where it is new, or lost its meta hash. */
  async #meta(): Promise<Readonly<Record<string, string>>> {
    return this.#client.hgetall(bitmapKeys.meta(this.#key)).catch((error: unknown) => {
      throw filterError(error, this.#target);
    });
  }

  async #lengths(layout: BitmapLayout): Promise<number[]> {
    return this.#run(
      Array.from({ length: layout.shards }, (_, shard) => ["strlen", bitmapKeys.shard(this.#key, shard)]),
    );
  }

  /** Share of set bits: counted in small filters, estimated from random windows in large ones. */
  async #fill(layout: BitmapLayout, exists: boolean): Promise<{ fillRatio: number; standardError: number }> {
    if (!exists) return { fillRatio: 0, standardError: 0 };
    const shardBytes = bytesPerShard(layout);
    const totalBytes = shardBytes * layout.shards;
    if (totalBytes <= fullCountBytes) {
      const counts = await this.#run(
        Array.from({ length: layout.shards }, (_, shard) => [
          "bitcount",
          bitmapKeys.shard(this.#key, shard),
          0,
          shardBytes - 1,
        ]),
      );
      return {
        fillRatio: counts.reduce((sum, count) => sum + count, 0) / (totalBytes * 8),
        standardError: 0,
      };
    }
    const firstShard = Math.floor(Math.random() * layout.shards);
    const counts = await this.#run(
      Array.from({ length: windowCount }, (_, index) => {
        const start = Math.floor(Math.random() * (shardBytes - windowBytes + 1));
        return [
          "bitcount",
          bitmapKeys.shard(this.#key, (firstShard + index) % layout.shards),
          start,
          start + windowBytes - 1,
        ];
      }),
    );
    const ratios = counts.map((count) => count / (windowBytes * 8));
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    const variance = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / (ratios.length - 1);
    return { fillRatio: mean, standardError: Math.sqrt(variance / ratios.length) };
  }

  /** Runs commands in one round trip; the first error reply rejects. */
  async #run(commands: (string | number)[][]): Promise<number[]> {
    if (commands.length === 0) return [];
    const replies = await this.#client
      .pipeline(commands)
      .exec()
      .catch((error: unknown) => {
        throw filterError(error, this.#target);
      });
    return (replies ?? []).map(([error, reply]) => {
      if (error !== null) throw filterError(error, this.#target);
      return reply as number;
    });
  }
}

/** An error of a filter command as an error for the reader. */
export function filterError(error: unknown, target: string): RedisopsError {
  const message = error instanceof Error ? error.message : "";
  if (/^WRONGTYPE\b/.test(message)) {
    return new RedisopsError(
      "FILTER_WRONG_TYPE",
      `${target}: a key of the filter holds another type of value`,
      {
        target,
        cause: error,
      },
    );
  }
  if (/^ERR unknown command .?BF\./i.test(message)) {
    return new RedisopsError(
      "FILTER_ENGINE_UNSUPPORTED",
      `${target} has no BF commands, but the engine is redisbloom`,
      {
        target,
        cause: error,
      },
    );
  }
  return redisError(error, target);
}
