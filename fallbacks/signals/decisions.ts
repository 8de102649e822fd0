import { type Registry, register } from "prom-client";
import type { RedisRole } from "../../catalog/roles.ts";
import { type CounterSeries, Signals } from "./signals.ts";

/** What stands in for a role's store; the values of the label `fallback`. */
export type Fallback =
  | "offline"
  | "fail_open"
  | "timestamp_id"
  | "postgres"
  | "unverified"
  | "opted_in"
  | "skip_dedup"
  | "breaker_only";

/** Counts a role's decisions and those that a fallback made. */
export class Decisions<Name extends Fallback> {
  readonly #all: CounterSeries;
  readonly #degraded: Readonly<Record<Name, CounterSeries>>;

  /** `metrics` is the prom-client registry; the default one when left out. */
  constructor(role: RedisRole, fallbacks: readonly Name[], metrics: Registry = register) {
    const signals = Signals.of(metrics);
    this.#all = signals.counter("redisops_decisions_total", { role });
    const entries = fallbacks.map((fallback) => [
      fallback,
      signals.counter("redisops_decisions_degraded_total", { role, fallback }),
    ]);
    this.#degraded = Object.fromEntries(entries) as Record<Name, CounterSeries>;
  }

  /** A decision that the store's answer made. */
  made(): void {
    this.#all.pending += 1;
  }

  /** A decision that a fallback made. */
  degraded(fallback: Name): void {
    this.#all.pending += 1;
    this.#degraded[fallback].pending += 1;
  }
}
