import { RedisopsError } from "../../core/errors.ts";

/** What is measured of a target, beside the limits above which a run pauses and ends. */
export interface LoadReading {
  /** What it is, such as `latency of registry Redis at 10.0.0.1:6379`. */
  readonly what: string;
  readonly value: number;
  readonly pause: number;
  readonly abort: number;
  /** The value for a reader. */
  readonly shown: string;
}

/** The load of a run's targets, as the latest readings have it. */
export class Load {
  readonly #readings = new Map<string, LoadReading>();
  #critical: RedisopsError | undefined;

  report(reading: LoadReading): void {
    this.#readings.set(reading.what, reading);
    if (reading.value <= reading.abort) return;
    this.#critical ??= new RedisopsError("TARGET_OVERLOADED", `${reading.what} is ${reading.shown}`);
  }

  /** What can no longer be measured says nothing. */
  forget(what: string): void {
    this.#readings.delete(what);
  }

  /** Why a run has to wait, for a reader; undefined when it has not. */
  get pauseReason(): string | undefined {
    const high = [...this.#readings.values()].find(({ value, pause }) => value > pause);
    return high === undefined ? undefined : `${high.what} is ${high.shown}`;
  }

  /** Why a run has to end: a reading was above its critical limit. */
  get critical(): RedisopsError | undefined {
    return this.#critical;
  }
}
