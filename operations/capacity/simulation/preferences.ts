import { exponential, seededRandom } from "../../../core/seeded-random.ts";
import { Agenda } from "./agenda.ts";
import { Bulkhead, type BulkheadShape } from "./bulkhead.ts";
import { type ServerShape, SharedServer } from "./shared-server.ts";

/** What Postgres is like: how long a read takes by itself, and how many it serves in a second. */
export interface PostgresShape {
  readonly readsPerSecond: number;
  /** Milliseconds that a read takes an idle Postgres. */
  readonly readMs: number;
  /** Connections of a pooler before it; none when left out. */
  readonly connections?: number | undefined;
  /** Whether all reads take equally long; else at random around `readMs` (exponentially). */
  readonly fixed?: boolean | undefined;
}

/** A cache that is empty and is filled again. */
export interface EmptyCache {
  /** People who are notified, each as often as the other. */
  readonly users: number;
  /** Entries a second that a recovery adds so many milliseconds after the beginning, besides those that are read. */
  readonly warmRate?: ((milliseconds: number) => number) | undefined;
}

/** Workers that ask for preferences while the cache does not answer, or answers that it has nothing. */
export interface PreferencesScenario {
  readonly seed: number;
  readonly workers: number;
  /** Notifications a second of all workers together, which come at random. */
  readonly notificationsPerSecond: number;
  readonly postgres: PostgresShape;
  readonly bulkhead?: BulkheadShape | undefined;
  /** The cache is down when left out. */
  readonly emptyCache?: EmptyCache | undefined;
  readonly seconds: number;
  /** Length of a point of the series, in seconds. Default 1. */
  readonly stepSeconds?: number | undefined;
}

/** How many notifications were decided by what in one step, a second each. */
export interface PreferencesPoint {
  /** End of the step, in seconds. */
  readonly at: number;
  readonly byCache: number;
  readonly byPostgres: number;
  readonly byDefault: number;
  /** Reads that were sent to Postgres, answered or not. */
  readonly reads: number;
}

class Counts {
  byCache = 0;
  byPostgres = 0;
  byDefault = 0;
  reads = 0;
}

/** The users who have an entry: how many, and whether a given one. */
class Entries {
  readonly #cached: Uint8Array;
  readonly #random: () => number;

  constructor(users: number, random: () => number) {
    this.#cached = new Uint8Array(Math.max(1, Math.round(users)));
    this.#random = random;
  }

  someone(): number {
    return Math.floor(this.#random() * this.#cached.length);
  }

  has(user: number): boolean {
    return this.#cached[user] === 1;
  }

  add(user: number): void {
    this.#cached[user] = 1;
  }
}

/**
 * Workers by the library's rules before one Postgres. Every event is drawn from the seed, so the same scenario gives the
 * same answer.
 */
export function simulatePreferences(scenario: PreferencesScenario): readonly PreferencesPoint[] {
  const { postgres, emptyCache } = scenario;
  const random = seededRandom(scenario.seed);
  const agenda = new Agenda();
  const shape: ServerShape = {
    parallel: (postgres.readsPerSecond * postgres.readMs) / 1_000,
    connections: postgres.connections,
  };
  const server = new SharedServer(agenda, shape);
  const entries = emptyCache === undefined ? undefined : new Entries(emptyCache.users, random);
  const work = () => (postgres.fixed === true ? postgres.readMs : exponential(postgres.readMs, random));
  let counts = new Counts();

  const startWorker = () => {
    const bulkhead = new Bulkhead(agenda, server, random, scenario.bulkhead);
    const pause = (scenario.workers / scenario.notificationsPerSecond) * 1_000;
    const notify = () => {
      agenda.in(exponential(pause, random), notify);
      const user = entries?.someone() ?? 0;
      if (entries?.has(user) === true) {
        counts.byCache += 1;
        return;
      }
      bulkhead.read(work(), (served) => {
        if (served) {
          counts.byPostgres += 1;
          entries?.add(user);
        } else {
          counts.byDefault += 1;
        }
      });
    };
    agenda.in(exponential(pause, random), notify);
  };
  for (let worker = 0; worker < scenario.workers; worker += 1) startWorker();
  if (entries !== undefined && emptyCache?.warmRate !== undefined) {
    warm(agenda, entries, emptyCache.users, emptyCache.warmRate);
  }

  const points: PreferencesPoint[] = [];
  const step = scenario.stepSeconds ?? 1;
  for (let index = 1; index * step <= scenario.seconds + 1e-9; index += 1) {
    agenda.runUntil(index * step * 1_000);
    points.push({
      at: index * step,
      byCache: counts.byCache / step,
      byPostgres: counts.byPostgres / step,
      byDefault: counts.byDefault / step,
      reads: (counts.byPostgres + counts.byDefault) / step,
    });
    counts = new Counts();
  }
  return points;
}

/** A recovery goes through the people in order; those who have an entry cost it nothing. */
function warm(agenda: Agenda, entries: Entries, users: number, rate: (milliseconds: number) => number): void {
  const every = 10;
  let next = 0;
  let allowance = 0;
  const add = () => {
    allowance += (rate(agenda.now) * every) / 1_000;
    while (allowance >= 1 && next < users) {
      if (!entries.has(next)) {
        entries.add(next);
        allowance -= 1;
      }
      next += 1;
    }
    if (next < users) agenda.in(every, add);
  };
  agenda.in(0, add);
}
