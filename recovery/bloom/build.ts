import { setTimeout as delay } from "node:timers/promises";
import { connectRedis, type RedisConnection } from "../../core/redis/connect.ts";
import { redisPins } from "../pins.ts";
import type { Pin, RecoveryContext, Run } from "../recovery.ts";
import { BitmapShadow } from "./bitmap-shadow.ts";
import { type BloomConfig, bloomConfig, timeouts } from "./bloom-config.ts";
import type { IdSource } from "./id-source.ts";
import { KafkaIds } from "./kafka-ids.ts";
import { LoadShadow } from "./load-shadow.ts";
import { MaddShadow } from "./madd-shadow.ts";
import { type Method, type Part, parsePart } from "./part.ts";
import { PostgresIds } from "./postgres-ids.ts";
import type { ShadowFilter, ShadowOptions } from "./shadow-filter.ts";

/** Milliseconds until it is looked again whether a part has become free. */
const claimAgain = 250;
/** Milliseconds between two commands while ids are read: servers and firewalls close connections that are idle. */
const keepAliveInterval = 5_000;
/** Commands after which the shadow's life is renewed: once a minute. */
const renewEach = 12;

/** The sources of a rebuild. Those that are open are to be closed. */
export async function openSources({ postgres, kafka, window }: BloomConfig): Promise<readonly IdSource[]> {
  return [
    ...(postgres === undefined ? [] : [await PostgresIds.open(postgres)]),
    ...(kafka === undefined ? [] : [new KafkaIds(kafka, window)]),
  ];
}

/** What a rebuild rests on. */
export async function bloomPins(context: RecoveryContext<"bloom">): Promise<readonly Pin[]> {
  const config = bloomConfig(context);
  const sources = await openSources(config);
  try {
    const pins = await Promise.all([
      redisPins("dedup", config.dedup),
      ...sources.map((source) => source.pins()),
    ]);
    return pins.flat();
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

/** One process's share of a rebuild: its connections, and the shadow filters that it works on. */
export class Build {
  readonly context: RecoveryContext<"bloom">;
  readonly config: BloomConfig;
  readonly connection: RedisConnection;
  readonly sources: readonly IdSource[];
  readonly #run: Run;
  readonly #expectedIds: number;
  readonly #shadows = new Map<string, ShadowFilter>();

  private constructor(
    context: RecoveryContext<"bloom">,
    run: Run,
    expectedIds: number,
    open: Pick<Build, "config" | "connection" | "sources">,
  ) {
    this.context = context;
    this.#run = run;
    this.#expectedIds = expectedIds;
    this.config = open.config;
    this.connection = open.connection;
    this.sources = open.sources;
  }

  /** Connects. Rejects with a RedisopsError. */
  static async open(context: RecoveryContext<"bloom">, run: Run, expectedIds: number): Promise<Build> {
    const config = bloomConfig(context);
    const connection = await connectRedis("dedup", config.dedup, timeouts);
    try {
      const sources = await openSources(config);
      return new Build(context, run, expectedIds, { config, connection, sources });
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** What the shadow of a generation is built with. */
  options(generation: number): ShadowOptions {
    const { context, config, connection } = this;
    const first = `${config.dedup.filter.key}:shadow:${this.#run.id}`;
    const key = generation === 0 ? first : `${first}:${generation}`;
    return { connection, config: config.dedup, key, context, run: this.#run, expectedIds: this.#expectedIds };
  }

  shadow({ generation, method }: { readonly generation: number; readonly method: Method }): ShadowFilter {
    const name = `${generation} ${method}`;
    const known = this.#shadows.get(name);
    if (known !== undefined) return known;
    const options = this.options(generation);
    const shadow =
      method === "bitmap"
        ? new BitmapShadow(options)
        : method === "madd"
          ? new MaddShadow(options)
          : new LoadShadow(options);
    this.#shadows.set(name, shadow);
    return shadow;
  }

  /** Reads the parts that nobody else reads, until none is left. `current`: parts of earlier generations do not count. */
  async work(current?: number): Promise<void> {
    const keepAlive = this.#keepAlive();
    try {
      for (;;) {
        const chunk = await this.#run.chunks.claim();
        if (chunk === undefined) {
          if (await this.#settle()) continue;
          const held = [...this.#shadows.values()].reduce((sum, shadow) => sum + shadow.held, 0);
          if ((await this.#run.chunks.remaining()) <= held) return;
          await this.#run.pace(0);
          await delay(claimAgain, undefined, { signal: this.context.signal }).catch(() => undefined);
          this.context.signal.throwIfAborted();
          continue;
        }
        const part = parsePart(chunk.id);
        if (current !== undefined && part.generation !== current) {
          await chunk.done();
          continue;
        }
        const source = this.#source(part);
        await this.shadow(part).take(chunk, (handlers) => source.read(part, handlers, this.context.signal));
      }
    } finally {
      clearInterval(keepAlive);
    }
  }

  async close(): Promise<void> {
    for (const shadow of this.#shadows.values()) shadow.close();
    this.connection.close();
    await Promise.all(this.sources.map((source) => source.close()));
  }

  async #settle(): Promise<boolean> {
    let settled = false;
    for (const shadow of this.#shadows.values()) settled = (await shadow.settle()) || settled;
    return settled;
  }

  #source(part: Part): IdSource {
    const source = this.sources.find(({ name }) => name === part.source);
    if (source === undefined) throw new Error(`a part of ${part.source}, which is not open`);
    return source;
  }

  /** What it answers does not matter: a connection that is gone shows at the next command. */
  #keepAlive(): NodeJS.Timeout {
    let beats = 0;
    return setInterval(() => {
      beats += 1;
      for (const shadow of this.#shadows.values()) {
        const life = beats % renewEach === 0 ? shadow.renew() : shadow.isWhole();
        life.catch(() => undefined);
      }
    }, keepAliveInterval);
  }
}
