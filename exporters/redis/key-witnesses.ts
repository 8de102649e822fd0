import type { RedisRole } from "../../catalog/roles.ts";

/** Keys without a time to live that are asked about again, the latest met first. */
const limit = 200;
/** Those that are remembered of one scrape: where there are more, a scrape alone tells enough. */
const perScrape = 50;
/** Longer keys are not remembered. */
const longestKey = 512;
/** Scrapes after which a key is forgotten: what was met long ago says little about keys that came since. */
const mostScrapes = 20;

/**
 * Keys without a time to live that scrapes have come across, by role and shard. Few keys among many are met rarely, so they
 * are remembered for some scrapes; they never leave this process.
 */
export class KeyWitnesses {
  /** For each shard the keys that were met in each of the latest scrapes, the latest last. */
  readonly #met = new Map<string, readonly (readonly string[])[]>();

  of(role: RedisRole, shard: string): readonly string[] {
    const scrapes = this.#met.get(`${role} ${shard}`) ?? [];
    return [...new Set(scrapes.flat().reverse())].slice(0, limit);
  }

  /** Adds those of a shard that a scrape has met. */
  add(role: RedisRole, shard: string, met: readonly string[]): void {
    const name = `${role} ${shard}`;
    const short = met.filter((key) => key.length <= longestKey).slice(0, perScrape);
    this.#met.set(name, [...(this.#met.get(name) ?? []), short].slice(-mostScrapes));
  }
}
