import { type ErrorClass, errorClasses } from "../../../catalog/error-class.ts";
import type { Role } from "../../../catalog/roles.ts";
import type { ErrorCodeName } from "../../../core/error-codes.ts";
import { RedisopsError } from "../../../core/errors.ts";
import type { ActiveAlert } from "../../../core/prometheus.ts";
import { type Sample, sample } from "../../../core/samples.ts";
import type { ProbeName, ProbeResult } from "../../../exporters/probe.ts";

interface Observed {
  readonly samples?: readonly Sample[];
  readonly error?: RedisopsError;
  readonly address?: string;
  readonly target?: string;
}

/** What a probe brought back. */
export function result(name: ProbeName, role: Role, observed: Observed = {}): ProbeResult {
  return {
    probe: {
      name,
      role,
      group: observed.target ?? role,
      target: observed.target ?? role,
      address: observed.address ?? `${role} Redis at 10.0.0.1:6379`,
      run: () => Promise.reject(new Error("it ran already")),
    },
    samples: observed.samples ?? [],
    seconds: 0.01,
    error: observed.error,
    trace: [],
    startedAt: 0,
  };
}

/** Samples of a role that answers, or fails in the given way. */
export function availability(role: Role, failure?: ErrorClass): Sample[] {
  return [
    sample("redisops_role_up", { role }, failure === undefined ? 1 : 0),
    ...errorClasses.map((error_class) =>
      sample("redisops_role_failure", { role, error_class }, failure === error_class ? 1 : 0),
    ),
  ];
}

/** A role whose server fails in the given way. */
export function failing(name: ProbeName, role: Role, failure: ErrorClass, code: ErrorCodeName): ProbeResult {
  return result(name, role, {
    samples: name === "redis" || name === "postgres" ? availability(role, failure) : [],
    error: new RedisopsError(code, `${role} failed`, { next: "Start it." }),
  });
}

/** A filter of which so many known-sent ids are absent, filled to so many times its target. */
export function bloomSamples(absent: number, factor = 0.4): Sample[] {
  const role = { role: "dedup" };
  return [
    sample("redisops_bloom_estimated_ids", role, 1_234_567),
    sample("redisops_bloom_capacity_ids", role, 2_000_000),
    sample("redisops_bloom_false_positive_ratio", role, 0.01 * factor),
    sample("redisops_bloom_target_false_positive_ratio", role, 0.01),
    sample("redisops_bloom_canary_ids", role, 200),
    sample("redisops_bloom_canary_absent_ratio", role, absent),
  ];
}

/** A provider's account that answered so many requests, so many of them with 429. */
export function account(
  name: string,
  requests: number,
  throttled: number,
  error?: RedisopsError,
): ProbeResult {
  const labels = { role: "token_bucket", provider: "twilio", account: name };
  return result("provider", "token_bucket", {
    target: `twilio/${name}`,
    address: `twilio account ${name} at https://api.twilio.com`,
    samples: [
      sample("redisops_provider_requests_total", labels, requests),
      sample("redisops_provider_throttled_total", labels, throttled),
      sample("redisops_provider_retry_after_seconds", labels, throttled > 0 ? 30 : 0),
    ],
    ...(error === undefined ? {} : { error }),
  });
}

/** An alert as Prometheus knows it. */
export function alert(labels: Readonly<Record<string, string>>, activeAt: string): ActiveAlert {
  return { labels, annotations: {}, state: "firing", activeAt: new Date(activeAt) };
}
