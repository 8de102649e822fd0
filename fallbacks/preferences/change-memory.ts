import type { CachedPreferences } from "../../core/preferences/cache-entry.ts";

/**
 * What may be said of a cached entry: that it reflects every change that is known; that it does not; or nothing, as it
 * is older than what is known of.
 */
export type Standing = "current" | "outdated" | "unknown";

/**
 * Who changed preferences, and in which transaction: for each user the largest transaction id. Bounded: the changes are
 * kept in two generations, of which the older one goes when the younger one is full or old enough. What goes before its
 * time raises the floor: nothing from before it is vouched for any more.
 */
export class ChangeMemory {
  readonly #generationSize: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  readonly #lifeMs: number;
  #floor = 0;
  #turnedAt = performance.now();

  /** `maxUsers` bounds both generations together; a change is remembered for `lifeMs` milliseconds or longer. */
  constructor(maxUsers: number, lifeMs: number) {
    this.#generationSize = Math.max(1, Math.floor(maxUsers / 2));
    this.#lifeMs = lifeMs;
  }

  /** Users whose changes are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** How many changes can be added before one is forgotten. */
  get room(): number {
    return this.#generationSize - this.#young.size;
  }

  /** Remembers a change by the transaction `version`. */
  add(userId: string, version: number): void {
    if (this.room === 0) {
      for (const dropped of this.#old.values()) this.raiseFloor(dropped + 1);
      this.#turn();
    }
    this.#young.set(userId, Math.max(version, this.#young.get(userId) ?? 0));
  }

  /** Forgets the older generation if all of it has been there for long enough. */
  expire(): void {
    if (performance.now() - this.#turnedAt > this.#lifeMs) this.#turn();
  }

  /** From here on nothing is vouched for that was read from a snapshot before this one. */
  raiseFloor(version: number): void {
    if (version > this.#floor) this.#floor = version;
  }

  /** Forgets everything. */
  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#floor = 0;
  }

  /** Whether an entry reflects every change of the user that is remembered. */
  standing(userId: string, { asOf }: CachedPreferences): Standing {
    const version = Math.max(this.#young.get(userId) ?? 0, this.#old.get(userId) ?? 0);
    if (version >= asOf) return "outdated";
    return asOf < this.#floor ? "unknown" : "current";
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedAt = performance.now();
  }
}
