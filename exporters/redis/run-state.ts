import type { Scrape } from "../probe.ts";

/** What a probe has learned in each of its runs, so that the run can be summed up also when it is cut off. */
export class RunState<State> {
  readonly #states = new WeakMap<Scrape, State>();
  readonly #begin: () => State;

  constructor(begin: () => State) {
    this.#begin = begin;
  }

  of(scrape: Scrape): State {
    const known = this.#states.get(scrape) ?? this.#begin();
    this.#states.set(scrape, known);
    return known;
  }
}
