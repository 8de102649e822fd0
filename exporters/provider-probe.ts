import { performance } from "node:perf_hooks";
import { isProbed, type ProviderConfig, type ProvidersConfig } from "../core/config/providers-section.ts";
import { RedisopsError } from "../core/errors.ts";
import { askProvider } from "../core/provider/ask.ts";
import { requestOf } from "../core/provider/request.ts";
import { retryAfterSeconds } from "../core/retry-after.ts";
import { type Sample, sample } from "../core/samples.ts";
import type { Probe } from "./probe.ts";
import { readRateLimit, twilioConcurrency } from "./provider/rate-limit.ts";
import { type StatusClass, statusClass, statusClasses } from "./provider/status-class.ts";

/** What this process has counted of one account's answers since it started. */
interface AccountCounts {
  requests: number;
  throttled: number;
  retryAfterSeconds: number;
}

/** Counters of all accounts; they live as long as the exporter, because counters must not go backwards. */
export class ProviderCounts {
  readonly #accounts = new Map<string, AccountCounts>();

  of(provider: string, account: string): AccountCounts {
    const key = `${provider}/${account}`;
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const fresh = { requests: 0, throttled: 0, retryAfterSeconds: 0 };
    this.#accounts.set(key, fresh);
    return fresh;
  }
}

interface AccountLabels {
  readonly role: string;
  readonly provider: string;
  readonly account: string;
}

const verdictSamples = (labels: AccountLabels, up: boolean, answered: StatusClass): Sample[] => [
  sample("redisops_provider_up", labels, up ? 1 : 0),
  ...statusClasses.map((status_class) =>
    sample("redisops_provider_status", { ...labels, status_class }, status_class === answered ? 1 : 0),
  ),
];

/** What an answer's headers say of the limit. */
function limitSamples(
  labels: AccountLabels,
  config: ProviderConfig,
  headers: Headers,
  now: number,
): Sample[] {
  const { limit, remaining, resetAt, windowSeconds } = readRateLimit(config, headers, now);
  const perSecond = limit === undefined || windowSeconds === undefined ? undefined : limit / windowSeconds;
  const values = {
    redisops_provider_limit: limit,
    redisops_provider_limit_remaining: remaining,
    redisops_provider_limit_reset_timestamp_seconds: resetAt,
    redisops_provider_limit_per_second: perSecond,
    redisops_provider_concurrent_requests: twilioConcurrency(config, headers),
  } as const;
  return (Object.keys(values) as (keyof typeof values)[]).flatMap((metric) => {
    const value = values[metric];
    return value === undefined ? [] : [sample(metric, labels, value)];
  });
}

const isRedirect = (status: number) => status >= 300 && status <= 399;

/** Whether a provider answers an account's request, throttles it or rejects it, and what it says of the limit. */
function providerProbe(
  provider: string,
  account: string,
  config: ProviderConfig,
  counts: ProviderCounts,
): Probe {
  const labels: AccountLabels = { role: "token_bucket", provider, account };
  const name = `${provider}/${account}`;
  const address = `${provider} account ${account} at ${config.base_url}`;
  return {
    name: "provider",
    role: "token_bucket",
    group: name,
    target: name,
    address,
    async run(emit, { left, trace }) {
      const request = requestOf(provider, account, config);
      const started = performance.now();
      const { status, headers } = await askProvider(request, address, left());
      const seconds = (performance.now() - started) / 1000;
      const now = Date.now();
      trace(`${address} answered with status ${status} in ${(seconds * 1000).toFixed(1)} ms`);

      const throttled = status === 429;
      const expected = request.expects(status);
      // A redirect comes from something before the provider's API: it counts for nothing there.
      if (!isRedirect(status) || expected) {
        const own = counts.of(provider, account);
        own.requests += 1;
        if (throttled) own.throttled += 1;
        own.retryAfterSeconds = throttled ? retryAfterSeconds(headers, now) : 0;
      }
      const rejected = status === 401 || status === 403;
      emit(sample("redisops_provider_response_seconds", labels, seconds));
      emit(sample("redisops_provider_credentials_rejected", labels, rejected && !expected ? 1 : 0));
      for (const observed of verdictSamples(labels, expected || throttled, statusClass(status)))
        emit(observed);
      for (const observed of limitSamples(labels, config, headers, now)) emit(observed);

      if (expected || throttled) return;
      throw new RedisopsError(
        "PROVIDER_UNAVAILABLE",
        `${address} answered with status ${status}${rejected ? ": it rejects the account’s credentials" : ""}`,
        { target: address },
      );
    },
    conclude(error, emitted) {
      const { requests, throttled, retryAfterSeconds } = counts.of(provider, account);
      const answered = emitted.some(({ metric }) => metric === "redisops_provider_status");
      // Without credentials the provider was not even asked.
      const unanswered = error !== undefined && error.code !== "SECRET_UNRESOLVED" && !answered;
      return [
        ...(unanswered ? verdictSamples(labels, false, "none") : []),
        sample("redisops_provider_requests_total", labels, requests),
        sample("redisops_provider_throttled_total", labels, throttled),
        sample("redisops_provider_retry_after_seconds", labels, retryAfterSeconds),
      ];
    },
  };
}

/** A probe for each account that is to be probed. */
export function providerProbes(providers: ProvidersConfig, counts: ProviderCounts): Probe[] {
  return Object.entries(providers).flatMap(([provider, section]) =>
    Object.keys(section.accounts)
      .filter((account) => isProbed(section, account))
      .map((account) => providerProbe(provider, account, section, counts)),
  );
}
