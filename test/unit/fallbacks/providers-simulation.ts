import { Breaker, rejected } from "../../../fallbacks/guard/breaker.ts";
import { AdaptiveLimit } from "../../../fallbacks/providers/adaptive-limit.ts";

/** Workers that share an account without its bucket. */
export interface Scenario {
  /** Requests per second that the provider accepts, in windows aligned to its seconds. */
  readonly limit: number;
  readonly workers: number;
  /** What all workers together would like to send, in multiples of the limit. */
  readonly load: number;
  /** Shortest and longest time to the provider and back, in milliseconds. */
  readonly roundTripMs: readonly [number, number];
  /** Every other worker would like to send nine times as much as its neighbour. */
  readonly uneven?: boolean | undefined;
}

/** What came of it after the first seconds, in which the workers learn. */
export interface Outcome {
  /** 429s per request. */
  readonly throttledShare: number;
  /** Accepted requests per granted one. */
  readonly utilization: number;
}

/** Numbers from 0 to 1 that are the same in every run (Numerical Recipes' linear congruential generator). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Events by time; a binary heap. */
class Agenda {
  readonly #heap: { readonly at: number; readonly run: () => void }[] = [];

  add(at: number, run: () => void): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push({ at, run });
    for (;;) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (index === 0 || above === undefined || above.at <= at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = { at, run };
  }

  runUntil(end: number): void {
    const heap = this.#heap;
    for (let [first] = heap; first !== undefined && first.at < end; [first] = heap) {
      this.#removeFirst();
      first.run();
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= last.at) break;
      heap[index] = child;
      index = child === left ? 2 * index + 1 : 2 * index + 2;
    }
    heap[index] = last;
  }
}

const learningMs = 10_000;
const endMs = 70_000;

/** A minute of workers that try to send at random moments, against a provider whose 429s ask for one second. */
export function simulate(scenario: Scenario, random: () => number): Outcome {
  const { limit, workers, load, uneven = false } = scenario;
  const [shortest, longest] = scenario.roundTripMs;
  const agenda = new Agenda();
  let second = -1;
  let used = 0;
  let accepted = 0;
  let throttled = 0;

  const provider = (now: number): boolean => {
    const current = Math.floor(now / 1_000);
    if (current !== second) [second, used] = [current, 0];
    const fits = used < limit;
    if (fits) used += 1;
    if (now >= learningMs && fits) accepted += 1;
    if (now >= learningMs && !fits) throttled += 1;
    return fits;
  };

  const startWorker = (share: number): void => {
    const breaker = new Breaker();
    const own = new AdaptiveLimit(limit);
    const perMs = (load * limit * share) / workers / 1_000;
    const wish = (now: number): void => {
      const next = now - Math.log(1 - random()) / perMs;
      agenda.add(next, () => wish(next));
      const admission = breaker.admit(now);
      if (admission === rejected) return;
      if (own.take(now, 0) > 0) {
        breaker.withdrawn(admission);
        return;
      }
      const roundTrip = shortest + random() * (longest - shortest);
      agenda.add(now + roundTrip / 2, () => {
        const fits = provider(now + roundTrip / 2);
        const answered = now + roundTrip;
        agenda.add(answered, () => {
          if (fits) {
            own.accepted(answered, false);
            breaker.succeeded(admission);
          } else {
            own.refused(now, answered, false);
            breaker.trip(answered, 1_000);
          }
        });
      });
    };
    agenda.add(random() / perMs, () => wish(0));
  };

  for (let worker = 0; worker < workers; worker += 1) {
    startWorker(uneven ? (worker % 2 === 0 ? 0.2 : 1.8) : 1);
  }
  agenda.runUntil(endMs);
  return {
    throttledShare: throttled / (accepted + throttled),
    utilization: accepted / ((limit * (endMs - learningMs)) / 1_000),
  };
}
