import { type ErrorClass, errorClasses } from "../catalog/error-class.ts";
import type { Role } from "../catalog/roles.ts";
import { RedisopsError } from "../core/errors.ts";
import { type Sample, sample } from "../core/samples.ts";
import type { Scrape } from "./probe.ts";

/** Whether redisops lacks a secret of its own: that says nothing about the server, which was not even asked. */
export function serverUntried(error: unknown): boolean {
  return error instanceof RedisopsError && error.code === "SECRET_UNRESOLVED";
}

/** Whether redisops could not do what applications do, for want of a secret or a right: that says nothing about them. */
export function canaryUntried(error: RedisopsError): boolean {
  return serverUntried(error) || error.code === "REDIS_AUTH";
}

/** The contract's metrics of whether a role's server answers, and if not, how it failed. */
export function availabilitySamples(role: Role, failure: ErrorClass | undefined): Sample[] {
  return [
    sample("redisops_role_up", { role }, failure === undefined ? 1 : 0),
    ...errorClasses.map((errorClass) =>
      sample("redisops_role_failure", { role, error_class: errorClass }, failure === errorClass ? 1 : 0),
    ),
  ];
}

/**
 * For a probe's verdict: when it ended before all of its canaries were judged, those that came out right until then
 * count, see `soFar`. Nothing when redisops could not try.
 */
export function withoutCanary<
  Name extends
    | "redisops_registry_canary_ratio"
    | "redisops_rate_limit_canary_ratio"
    | "redisops_sequence_canary_ratio",
>(metric: Name, labels: { readonly role: Role }, soFar: (scrape: Scrape) => number) {
  return (error: RedisopsError | undefined, emitted: readonly Sample[], scrape: Scrape): readonly Sample[] =>
    error === undefined || canaryUntried(error) || emitted.some((observed) => observed.metric === metric)
      ? []
      : [{ metric, labels, value: soFar(scrape) }];
}
