import type { PostgresConfig, SentNotificationsConfig } from "../core/config/postgres-section.ts";
import type { DedupConfig } from "../core/config/redis-section.ts";
import { canarySamples, filterStateSamples } from "../core/filter/filter-samples.ts";
import { openFilter } from "../core/filter/open-filter.ts";
import { sampleSentIds } from "../core/postgres/sent-ids.ts";
import { describeTarget } from "../core/redis/connect.ts";
import { sample } from "../core/samples.ts";
import { withPostgres } from "./postgres-session.ts";
import type { Probe } from "./probe.ts";
import { serverUntried } from "./role-availability.ts";

/** A sample is drawn anew when it is older than this, in milliseconds; Postgres being away leaves the last one in use. */
const sampleLifetime = 30_000;

/** Ids that are known to have been sent, kept between scrapes so that the filter can be judged without Postgres. */
export class KnownSentIds {
  readonly #postgres: PostgresConfig;
  readonly #source: SentNotificationsConfig;
  readonly #count: number;
  #ids: readonly string[] = [];
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(postgres: PostgresConfig, source: SentNotificationsConfig, count: number) {
    this.#postgres = postgres;
    this.#source = source;
    this.#count = count;
  }

  /** The current sample, within the given milliseconds. Rejects only when none could be drawn yet. */
  async current(milliseconds: number): Promise<readonly string[]> {
    if (Date.now() - this.#drawnAt < sampleLifetime && this.#ids.length > 0) return this.#ids;
    try {
      this.#ids = await withPostgres(this.#postgres, milliseconds, (client) =>
        sampleSentIds(client, this.#source, this.#count),
      );
      this.#drawnAt = Date.now();
    } catch (error) {
      if (this.#ids.length === 0) throw error;
    }
    return this.#ids;
  }
}

/** Whether the filter does its job: its fill against its target, and whether it knows what was sent. */
export function bloomProbe(config: DedupConfig, knownSent: KnownSentIds | undefined): Probe {
  return {
    name: "bloom",
    role: "dedup",
    group: "dedup",
    target: "dedup",
    address: `filter ${config.filter.key} of ${describeTarget("dedup", config)}`,
    async run(emit, { left, redis }) {
      // Drawn while the filter is read; a failure of Postgres must not hide what the filter says of itself.
      const ids = knownSent?.current(left() / 2).then(
        (drawn) => ({ drawn }),
        (error: unknown) => ({ error }),
      );
      const readable = (value: 0 | 1) => emit(sample("redisops_bloom_readable", { role: "dedup" }, value));
      /** Reads of the filter, whose failures are told from all else that can fail here. */
      const reading = async <T>(answer: Promise<T>): Promise<T> => {
        try {
          return await answer;
        } catch (error) {
          if (!serverUntried(error)) readable(0);
          throw error;
        }
      };
      const connection = await reading(redis("dedup").primaryFor(config.filter.key));
      const filter = openFilter(connection, config.filter);
      for (const observed of filterStateSamples(await reading(filter.state()))) emit(observed);
      const outcome = await ids;
      const known = outcome !== undefined && "drawn" in outcome ? outcome.drawn : undefined;
      const present = known === undefined ? undefined : await reading(filter.has(known));
      readable(1);
      if (outcome !== undefined && "error" in outcome) throw outcome.error;
      if (present !== undefined) for (const observed of canarySamples(present)) emit(observed);
    },
  };
}
