import { type ErrorClass, errorClasses } from "../../catalog/error-class.ts";

/**
 * Why a store gave no answer to a call.
 *
 * - an error class: what the server or the network did, see catalog/error-class.ts;
 * - `short_circuited`: the breaker is open, nothing was sent;
 * - `overloaded`: as many calls as are allowed are already waiting for the store, nothing was sent.
 */
export type FailureReason = ErrorClass | "short_circuited" | "overloaded";

/** The absence of an answer. A value and not an exception, because a fallback is an ordinary decision and must be cheap. */
export class StoreFailure {
  readonly reason: FailureReason;

  constructor(reason: FailureReason) {
    this.reason = reason;
  }
}

const made = new Map<FailureReason, StoreFailure>(
  [...errorClasses, "short_circuited" as const, "overloaded" as const].map((reason) => [
    reason,
    Object.freeze(new StoreFailure(reason)),
  ]),
);

/** The one failure of each reason. */
export function storeFailure(reason: FailureReason): StoreFailure {
  return made.get(reason) ?? new StoreFailure(reason);
}

/** Whether a call got no answer. */
export function failed<T>(outcome: T | StoreFailure): outcome is StoreFailure {
  return outcome instanceof StoreFailure;
}
