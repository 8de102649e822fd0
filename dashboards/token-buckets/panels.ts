import { PercentUnit, RequestsPerSecond } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { maxBy } from "../series.ts";

const account = ["provider", "account"] as const;
const legend = "{{provider}} {{account}}";

const buckets: DataPanel = {
  id: "token-buckets",
  kind: "timeseries",
  title: "Tokens left",
  meaning:
    "Share of its capacity that each account’s bucket holds now. At 0 workers hold requests back before the provider would; a bucket that does not exist counts as full, so all of them at 100 % under traffic means that the workers count elsewhere or not at all. A line that ends: the shard that holds the bucket did not answer.",
  normal: "moving between empty and full with the traffic; full at night.",
  width: 8,
  height: 8,
  unit: PercentUnit,
  min: 0,
  max: 1,
  queries: [
    {
      expression: `${maxBy(account, "redisops_token_bucket_tokens")} / ${maxBy(account, "redisops_token_bucket_capacity")}`,
      legend,
    },
  ],
  empty: "No data: the buckets’ server did not answer, or no provider is configured.",
};

const limits: DataPanel = {
  id: "provider-limit",
  kind: "timeseries",
  title: "Limit configured and observed",
  meaning:
    "Requests per second by account: what its bucket refills (limit_per_second, dashed), what the provider’s own headers give, and the limit that redisops takes for the real one: the headers’, else the sum of what the processes learned from 429s where that is less than configured. Where only the dashed line is drawn, nothing speaks against it.",
  normal: "an observed limit on the dashed line or above it.",
  width: 8,
  height: 8,
  unit: RequestsPerSecond,
  min: 0,
  queries: [
    {
      expression: maxBy(account, "redisops_token_bucket_refill_per_second"),
      legend: `${legend} configured`,
      drawn: "reference",
    },
    {
      expression: maxBy(account, "redisops_provider_limit_per_second"),
      legend: `${legend} by its headers`,
      present: { elsewhere: "where a provider tells the limit of a second in its headers" },
    },
    {
      expression: "max by (provider, account) (redisops:provider_observed_limit:per_second)",
      legend: `${legend} observed`,
      present: { after: "a provider told its limit, or refused what was over it" },
    },
  ],
  empty: "No data: no provider or no token bucket role is configured, or no exporter was scraped.",
};

const drift: DataPanel = {
  id: "provider-limit-drift",
  kind: "timeseries",
  title: "Drift of the limit",
  meaning:
    "How far the observed limit is from limit_per_second of redisops.yaml. Below 0 the provider grants less: expect 429s until the configured limit is lowered or the provider raises its own. Above 0 capacity that was bought is not used.",
  normal: "0, or no line: nobody observed another limit than the configured one.",
  width: 8,
  height: 8,
  unit: PercentUnit,
  queries: [
    {
      expression: "min by (provider, account) (redisops:provider_limit_drift:ratio)",
      legend,
      present: { after: "a provider told its limit, or refused what was over it" },
    },
  ],
  empty:
    "No data: nobody observed another limit than the configured one, or Prometheus does not have the recording rules.",
};

/** How much of each account’s limit is left in its bucket, and whether that limit is the provider’s. */
export const tokenBucketPanels: readonly DataPanel[] = [buckets, limits, drift];
