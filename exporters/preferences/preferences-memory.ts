/** What was measured of Postgres's capacity for preference reads. */
export interface MeasuredCapacity {
  /** Which Postgres, as it is described to a reader. */
  readonly target: string;
  readonly readsPerSecond: number;
  /** Milliseconds since 1970. */
  readonly measuredAt: number;
}

/** Milliseconds between two measurements of the capacity. */
const measureInterval = 10 * 60_000;

/** What the preferences probe keeps between scrapes. */
export class PreferencesMemory {
  /** People whose preferences are read, so that the cache can be read while Postgres is away; a hundred or so. */
  users: readonly string[] = [];
  capacity: MeasuredCapacity | undefined;
  #lastAttempt = Number.NEGATIVE_INFINITY;
  #runs = 0;

  /** Takes note that the probe runs once more. */
  runBegins(): void {
    this.#runs += 1;
  }

  /**
   * Whether a measurement is due. Not in the first run: a process that has just started measures itself, and redisops
   * status, which on-call runs again and again, has no other run.
   */
  get measurementDue(): boolean {
    return this.#runs > 1 && performance.now() - this.#lastAttempt >= measureInterval;
  }

  /** Takes note that one begins, however it may end. */
  measurementBegins(): void {
    this.#lastAttempt = performance.now();
  }
}
