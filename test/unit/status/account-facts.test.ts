import { expect, test } from "vitest";
import type { MetricName } from "../../../catalog/metrics.ts";
import type { Sample } from "../../../core/samples.ts";
import { platformStatus } from "../../../exporters/status.ts";
import { account, availability, result } from "./results.ts";

const labels = { role: "token_bucket", provider: "twilio", account: "main" };
const observed = (metric: MetricName, value: number): Sample => ({ metric, labels, value });

const rowsOf = (...results: readonly ReturnType<typeof result>[]) => platformStatus(results, {}, [], 0);

test("an account’s row has one fact for each thing that was observed", () => {
  const probed = account("main", 1, 1);
  const samples = [
    ...probed.samples,
    observed("redisops_provider_response_seconds", 0.1234),
    observed("redisops_provider_credentials_rejected", 1),
    observed("redisops_provider_limit", 600),
    observed("redisops_provider_limit_remaining", 599),
    observed("redisops_provider_limit_per_second", 10),
    observed("redisops_provider_concurrent_requests", 3),
  ];
  const buckets = result("token_buckets", "token_bucket", {
    samples: [
      observed("redisops_token_bucket_tokens", 5),
      observed("redisops_token_bucket_capacity", 100),
      observed("redisops_token_bucket_refill_per_second", 50),
    ],
  });
  const rows = rowsOf(buckets, { ...probed, samples });
  expect(rows.find(({ target }) => target === "twilio/main")?.observed).toEqual([
    "tokens 5 of 100",
    "throttled (429), asks to wait 30 s",
    "credentials rejected",
    "answers in 123.4 ms",
    "599 of 600 requests left",
    "provider grants 10/s, configured 50/s",
    "3 under way there",
  ]);
});

test("an account whose provider is not asked has a row of what its bucket holds", () => {
  const redis = result("redis", "token_bucket", { samples: availability("token_bucket") });
  const buckets = result("token_buckets", "token_bucket", {
    samples: [observed("redisops_token_bucket_capacity", 100), observed("redisops_token_bucket_tokens", 7)],
  });
  const rows = rowsOf(redis, buckets);
  expect(rows.map(({ target }) => target)).toEqual(["10.0.0.1:6379", "twilio/main"]);
  expect(rows[1]).toMatchObject({ state: "ok", observed: ["tokens 7 of 100"], errors: [] });
  expect(rowsOf(redis, buckets, account("main", 1, 0))).toHaveLength(2); // not twice
});
