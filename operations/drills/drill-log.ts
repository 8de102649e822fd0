import type { DrillEvent, DrillPhase, DrillRecovery } from "./drill-result.ts";

/** What happened in a drill, on the drill's own clock. */
export class DrillLog {
  readonly startedAt = Date.now();
  readonly events: DrillEvent[] = [];
  readonly problems: string[] = [];
  readonly recoveries: DrillRecovery[] = [];
  readonly #onEvent: (event: DrillEvent) => void;
  #phase: DrillPhase = "steady";

  constructor(onEvent: (event: DrillEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Milliseconds since the drill began. */
  get now(): number {
    return Date.now() - this.startedAt;
  }

  get phase(): DrillPhase {
    return this.#phase;
  }

  /** Enters a phase, or says more about it. */
  say(phase: DrillPhase, what: string): void {
    this.#phase = phase;
    const event = { at: this.now, phase, what };
    this.events.push(event);
    this.#onEvent(event);
  }

  /** Something is not as it should be. Said once. */
  fail(...problems: readonly string[]): void {
    for (const problem of problems) if (!this.problems.includes(problem)) this.problems.push(problem);
  }
}
