import { PercentUnit, RequestsPerSecond, Seconds } from "@grafana/grafana-foundation-sdk/units";
import { ProviderThrottled } from "../../catalog/modes/ProviderThrottled.ts";
import { roleTitles } from "../../catalog/roles.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { DataPanel, RowSpec } from "../panel.ts";
import { maxBy, series } from "../series.ts";

const account = ["provider", "account"] as const;
const legend = "{{provider}} {{account}}";
const notAsked = "No data: no provider is configured, or no exporter was scraped.";

const perSecond = (metric: "redisops_provider_requests_total" | "redisops_provider_throttled_total") =>
  `sum by (${account.join(", ")}) (rate(${series(metric)}[$__rate_interval]))`;

const requests: DataPanel = {
  id: "provider-requests",
  kind: "timeseries",
  title: "Requests and 429s",
  meaning:
    "Answered requests by account, and those that were answered with 429, over all processes that report them. With the exporter alone these are its own probes; with the workers’ metrics it is the traffic.",
  normal: "429s near 0. A 429 line that meets its request line is an account that is blocked.",
  width: 12,
  height: 8,
  unit: RequestsPerSecond,
  min: 0,
  queries: [
    { expression: perSecond("redisops_provider_requests_total"), legend },
    { expression: perSecond("redisops_provider_throttled_total"), legend: `${legend} 429` },
  ],
  empty: notAsked,
};

const retryAfter: DataPanel = {
  id: "provider-retry-after",
  kind: "timeseries",
  title: "Wait that providers ask for",
  meaning:
    "What the latest 429 of an account asked to wait before the next request; 0 when the latest answer was none. Requests sent before that time count against the limit as well.",
  normal: "0, with peaks of seconds.",
  width: 12,
  height: 8,
  unit: Seconds,
  min: 0,
  queries: [{ expression: maxBy(account, "redisops_provider_retry_after_seconds"), legend }],
  empty: notAsked,
};

const buckets: DataPanel = {
  id: "token-buckets",
  kind: "timeseries",
  title: "Tokens left",
  meaning:
    "Share of its capacity that each account’s bucket holds now. At 0 workers hold requests back before the provider would; a bucket that does not exist counts as full, so all of them at 100 % under traffic means that the workers count elsewhere or not at all.",
  normal: "moving between empty and full with the traffic; full at night.",
  width: 12,
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

/** Who throttles which account, and how much of each account’s limit is left. */
export function tokenBucketsRow(thresholds: ThresholdOverrides): RowSpec {
  const throttled = drawSignal(ProviderThrottled, thresholds);
  return {
    id: "token_bucket",
    title: `${roleTitles.token_bucket} and providers`,
    panels: [
      requests,
      {
        id: "provider-throttled",
        kind: "timeseries",
        title: "Share of requests answered with 429",
        meaning: `By account, over the window that the alert uses. It fires above ${percent(throttled.limit)} where more than ${throttled.guardLimit ?? 0} requests a second are made; workers route around such an account.`,
        normal: "under 1 %, in short bursts.",
        width: 12,
        height: 8,
        unit: PercentUnit,
        min: 0,
        max: 1,
        thresholds: throttled.steps,
        queries: [{ expression: throttled.expression, legend }],
        empty: notAsked,
      },
      buckets,
      retryAfter,
    ],
  };
}
