import { type ErrorClass, errorClasses } from "../../catalog/error-class.ts";
import type { Role } from "../../catalog/roles.ts";
import type { CounterSeries, Signals } from "./signals.ts";

/** The counters of a store's failures, all there from the start, so that the first failure shows as an increase. */
export function storeFailures(signals: Signals, role: Role): Readonly<Record<ErrorClass, CounterSeries>> {
  const entries = errorClasses.map((errorClass) => [
    errorClass,
    signals.counter("redisops_store_failures_total", { role, error_class: errorClass }),
  ]);
  return Object.fromEntries(entries) as Record<ErrorClass, CounterSeries>;
}
