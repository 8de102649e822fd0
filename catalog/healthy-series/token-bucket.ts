import type { HealthySeries } from "./healthy-series.ts";

const tokenBucket = { role: "token_bucket" } as const;

/** Two accounts each, as Twilio and SendGrid grant them: 100 requests a second through every one, one in a thousand answered 429. */
const accounts = ["twilio", "sendgrid"].flatMap((provider) =>
  ["main", "backup"].map((account) => ({ ...tokenBucket, provider, account })),
);
const workers = ["notification-worker-1:9464", "notification-worker-2:9464"];

/** A cluster of six shards, shared with the preferences; two workers that send through every account. */
export const healthyTokenBucket: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: tokenBucket, value: 1 },
  { metric: "redisops_decisions_total", labels: tokenBucket, value: 0, increase: 24_000 },
  {
    metric: "redisops_decisions_degraded_total",
    labels: { ...tokenBucket, fallback: "breaker_only" },
    value: 0,
    increase: 0,
  },
  ...accounts.flatMap((labels) => [
    { metric: "redisops_provider_requests_total" as const, labels, value: 0, increase: 6_000 },
    { metric: "redisops_provider_throttled_total" as const, labels, value: 0, increase: 6 },
    { metric: "redisops_token_bucket_tokens" as const, labels, value: 980 },
    { metric: "redisops_token_bucket_capacity" as const, labels, value: 1_000 },
    { metric: "redisops_token_bucket_refill_per_second" as const, labels, value: 1_000 },
    ...workers.map((instance) => ({
      metric: "redisops_provider_account_blocked" as const,
      labels: { ...labels, instance },
      value: 0,
    })),
  ]),
  ...["twilio", "sendgrid"].flatMap((provider) =>
    ["critical", "high", "normal", "bulk"].map((priority) => ({
      metric: "redisops_notifications_shed_total" as const,
      labels: { ...tokenBucket, provider, priority },
      value: 0,
      increase: 0,
    })),
  ),
];
