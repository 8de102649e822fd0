import { register } from "prom-client";
import type { FilterConfig, RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import { BitmapCheckAndAdd, redisBloomCheckAndAdd } from "../../core/filter/check-and-add.ts";
import { GuardedStore, type GuardOptions } from "../guard/guarded-store.ts";
import type { RedisClient } from "../guard/redis-client.ts";
import { StoreFailure } from "../guard/store-failure.ts";
import { Decisions } from "../signals/decisions.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";

/** What a filter has when nothing else is said; the same as in redisops.yaml. */
export const defaults = { key: "{dedup}", error_rate: 0.01 } as const;

/** The filter: as in redisops.yaml, with its defaults (key `{dedup}`, a false-positive ratio of 0.01). */
export interface DedupFilter extends Pick<FilterConfig, "engine" | "capacity"> {
  readonly key?: string | undefined;
  readonly error_rate?: number | undefined;
}

/** The `dedup` section of redisops.yaml. The filter has to see every id, so it lives on one server with replicas. */
export type DedupConnectionConfig = Exclude<RedisConnectionConfig, { topology: "cluster" }> & {
  readonly filter: DedupFilter;
};

/**
 * What the filter says about an id.
 *
 * - `new`: nobody has checked it before. Send.
 * - `duplicate`: somebody has. Do not send; see {@link DedupClient} for how often this is wrong.
 * - `unknown`: whether it was sent is not known. Send: a miss is worse than a duplicate.
 */
export type DedupVerdict = "new" | "duplicate" | "unknown";

/** What the queue says about the notification. */
export interface CheckOptions {
  /**
   * Whether the queue has handed it out before. A worker that died between the check and the send has left the id in the
   * filter: what is known of a redelivered notification is `unknown`, not `duplicate`.
   */
  readonly redelivered?: boolean | undefined;
}

/**
 * Looks notification ids up in the deduplication filter, in the same round trip adding them. Without an answer in time
 * the check is skipped: the id is `unknown`.
 *
 * The filter is a best effort below at-least-once delivery. Duplicates get through while it gives no answer, and for ids
 * that its primary had not yet replicated when a failover took it. And it takes a share of new ids for known ones, its
 * false-positive ratio: their notifications are not sent, unless redelivered.
 *
 * The first check in a new shard of a bitmap filter lets Redis allocate up to 64 MiB at once, 30 to 160 ms in which it
 * answers nobody: checks of that moment are `unknown`.
 */
export class DedupClient {
  readonly #store: GuardedStore;
  readonly #key: string;
  readonly #checkAndAdd: (client: RedisClient, id: string) => Promise<boolean>;
  readonly #decisions: Decisions<"skip_dedup">;
  readonly #suppressed: CounterSeries;

  /**
   * Takes a `dedup` section of redisops.yaml as it is.
   *
   * @throws RangeError for a capacity or an error rate that no bitmap filter can have
   */
  constructor(config: DedupConnectionConfig, options: GuardOptions = {}) {
    const {
      engine,
      capacity,
      key = defaults.key,
      error_rate: errorRate = defaults.error_rate,
    } = config.filter;
    const metrics = options.metrics ?? register;
    this.#key = key;
    if (engine === "bitmap") {
      const filter = new BitmapCheckAndAdd(key, bitmapLayout({ capacity, errorRate }));
      this.#checkAndAdd = (client, id) => filter.run(client, id);
    } else {
      this.#checkAndAdd = (client, id) => redisBloomCheckAndAdd(client, key, { capacity, errorRate }, id);
    }
    this.#decisions = new Decisions("dedup", ["skip_dedup"], metrics);
    this.#suppressed = Signals.of(metrics).counter("redisops_duplicates_suppressed_total", { role: "dedup" });
    this.#store = new GuardedStore("dedup", config, options);
  }

  /** Says whether a notification's id was checked before, and adds it. Never rejects. */
  checkAndAdd(id: string, options: CheckOptions = {}): Promise<DedupVerdict> {
    const outcome = this.#store.call(this.#key, "check_and_add", (client) => this.#checkAndAdd(client, id));
    if (outcome instanceof StoreFailure) return Promise.resolve(this.#skip());
    return outcome.then((known) => {
      if (known instanceof StoreFailure) return this.#skip();
      this.#decisions.made();
      if (!known) return "new";
      if (options.redelivered === true) return "unknown";
      this.#suppressed.pending += 1;
      return "duplicate";
    });
  }

  /** Waits for the first connection, for at most so many milliseconds. Answers false when Redis is away. */
  ready(milliseconds: number): Promise<boolean> {
    return this.#store.ready(milliseconds);
  }

  /** Gives the connection up; checks go on, skipped. */
  close(): void {
    this.#store.close();
  }

  #skip(): DedupVerdict {
    this.#decisions.degraded("skip_dedup");
    return "unknown";
  }
}
