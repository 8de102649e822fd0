import { exponential, seededRandom } from "../../../core/seeded-random.ts";
import { Breaker, rejected } from "../../../fallbacks/guard/breaker.ts";
import { accountBreaker } from "../../../fallbacks/providers/account.ts";
import { AdaptiveLimit } from "../../../fallbacks/providers/adaptive-limit.ts";
import { reserveShares } from "../../../fallbacks/providers/priority.ts";
import { defaultBlock } from "../../../fallbacks/providers/provider-response.ts";
import { Agenda } from "./agenda.ts";

/** Workers that send through a provider's accounts without the token buckets. */
export interface ProvidersScenario {
  readonly seed: number;
  readonly workers: number;
  /** What each account accepts in a second, in windows aligned to the seconds. */
  readonly limits: readonly number[];
  /** Notifications a second of all workers together, which come at random. */
  readonly load: number;
  /** Shortest and longest time to the provider and back, in milliseconds. Default 20 to 80. */
  readonly roundTripMs?: readonly [number, number] | undefined;
  /** Whether the workers know nothing of 429s but that they block the account: what learning is worth. */
  readonly blockingAlone?: boolean | undefined;
  readonly seconds: number;
}

/** What became of the notifications and requests in one second. */
export interface ProvidersPoint {
  /** End of the second, since the buckets went away. */
  readonly at: number;
  readonly accepted: number;
  /** Requests that were answered with 429. */
  readonly throttled: number;
  /** Notifications for which no account had room. */
  readonly shed: number;
}

class Account {
  readonly #limit: number;
  #second = -1;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  accepts(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#used = 0;
    }
    if (this.#used >= this.#limit) return false;
    this.#used += 1;
    return true;
  }
}

/** A worker's own view of an account: the library's breaker and what the 429s taught it. */
interface Route {
  readonly account: Account;
  readonly breaker: Breaker;
  readonly learned: AdaptiveLimit;
}

/**
 * A provider's accounts from the moment at which the buckets are gone. Breaker and limit are the library's own, so what
 * this says of them cannot become outdated. A notification is of normal priority and waits for nothing.
 */
export function simulateProviders(scenario: ProvidersScenario): readonly ProvidersPoint[] {
  const { workers, limits, blockingAlone = false } = scenario;
  const [shortest, longest] = scenario.roundTripMs ?? [20, 80];
  const random = seededRandom(scenario.seed);
  const agenda = new Agenda();
  const accounts = limits.map((limit) => new Account(limit));
  let counts = { accepted: 0, throttled: 0, shed: 0 };

  const take = (route: Route): number | undefined => {
    const admission = route.breaker.admit(agenda.now);
    if (admission === rejected) return undefined;
    if (blockingAlone || route.learned.take(agenda.now, reserveShares.normal) === 0) return admission;
    route.breaker.withdrawn(admission);
    return undefined;
  };

  const send = (routes: readonly Route[], first: number, tried: ReadonlySet<Route>): void => {
    for (let step = 0; step < routes.length; step += 1) {
      const route = routes[(first + step) % routes.length];
      if (route === undefined || tried.has(route)) continue;
      const admission = take(route);
      if (admission === undefined) continue;
      const sentAt = agenda.now;
      const roundTrip = shortest + random() * (longest - shortest);
      agenda.in(roundTrip / 2, () => {
        const accepted = route.account.accepts(agenda.now);
        if (accepted) counts.accepted += 1;
        else counts.throttled += 1;
        agenda.in(roundTrip / 2, () => {
          if (accepted) {
            route.learned.accepted(agenda.now, false);
            route.breaker.succeeded(admission);
            return;
          }
          route.learned.refused(sentAt, agenda.now, false);
          route.breaker.trip(agenda.now, defaultBlock);
          send(routes, first, new Set([...tried, route]));
        });
      });
      return;
    }
    counts.shed += 1;
  };

  const startWorker = () => {
    const routes = accounts.map((account, index) => ({
      account,
      breaker: new Breaker({ ...accountBreaker, random }),
      learned: new AdaptiveLimit(limits[index] ?? 0),
    }));
    const pause = (workers / scenario.load) * 1_000;
    let turn = Math.floor(random() * routes.length);
    const notify = () => {
      agenda.in(exponential(pause, random), notify);
      send(routes, turn, new Set());
      turn = (turn + 1) % routes.length;
    };
    agenda.in(exponential(pause, random), notify);
  };
  for (let worker = 0; worker < workers; worker += 1) startWorker();

  const points: ProvidersPoint[] = [];
  for (let second = 1; second <= scenario.seconds; second += 1) {
    agenda.runUntil(second * 1_000);
    points.push({ at: second, ...counts });
    counts = { accepted: 0, throttled: 0, shed: 0 };
  }
  return points;
}
