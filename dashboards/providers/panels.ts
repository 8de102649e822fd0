import { NoUnit, PercentUnit, RequestsPerSecond, Seconds } from "@grafana/grafana-foundation-sdk/units";
import type { LabelName } from "../../catalog/metrics.ts";
import { ProviderThrottled } from "../../catalog/modes/ProviderThrottled.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { measurePromql } from "../../core/signal/promql.ts";
import { colors } from "../colors.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { DataPanel } from "../panel.ts";
import { boardMatchers, maxBy, series } from "../series.ts";

const account = ["provider", "account"] as const satisfies readonly LabelName[];
const legend = "{{provider}} {{account}}";
const notAsked = "No data: no provider is configured and probed, or no exporter was scraped.";

const perSecond = (metric: "redisops_provider_requests_total" | "redisops_provider_throttled_total") =>
  `sum by (${account.join(", ")}) (rate(${series(metric)}[$__rate_interval]))`;

/** The verdict on each account as one number; where exporters differ, the worst. */
function answers(): string {
  const by = account.join(", ");
  const ofClass = (statusClass: string) =>
    measurePromql(
      { metric: "redisops_provider_status", where: { status_class: statusClass } },
      boardMatchers,
    );
  const where = (selected: string, value: number) => `${value} * (max by (${by}) (${selected}) > 0)`;
  return [
    where(ofClass("none"), 4),
    where(series("redisops_provider_credentials_rejected"), 3),
    where(ofClass("429"), 2),
    `min by (${by}) (${series("redisops_provider_up")})`,
  ].join(" or ");
}

const accounts: DataPanel = {
  id: "provider-answers",
  kind: "state-timeline",
  title: "How providers answer the probe",
  meaning:
    "By account. Throttled: the provider is well, and the account is over its limit. Rejected (401, 403): the account’s credentials are wrong or were withdrawn, and workers fail with them as well. Unexpected: a server error, a redirect or a wrong address. No answer: the provider, or the way there, is down.",
  normal: "every account answered.",
  width: 12,
  height: 8,
  unit: NoUnit,
  queries: [{ expression: answers(), legend }],
  states: [
    { value: 0, text: "unexpected", color: colors.unknown },
    { value: 1, text: "answered", color: colors.healthy },
    { value: 2, text: "throttled", color: colors.pending },
    { value: 3, text: "rejected", color: colors.ticket },
    { value: 4, text: "no answer", color: colors.page },
  ],
  thresholds: [
    { from: undefined, color: colors.unknown },
    { from: 1, color: colors.healthy },
    { from: 2, color: colors.pending },
    { from: 3, color: colors.ticket },
    { from: 4, color: colors.page },
  ],
  empty: notAsked,
};

const responseTime: DataPanel = {
  id: "provider-response-time",
  kind: "timeseries",
  title: "Response time of the probe",
  meaning:
    "Time to the answer by account, connecting included, from the slowest exporter’s view. At the right: requests of the account that Twilio was working on at that moment; Twilio limits these, and longer answers mean more of them at the same traffic.",
  normal: "some hundred milliseconds; concurrency well below what Twilio grants the account.",
  width: 12,
  height: 8,
  unit: Seconds,
  min: 0,
  queries: [
    { expression: maxBy(account, "redisops_provider_response_seconds"), legend },
    {
      expression: maxBy(account, "redisops_provider_concurrent_requests"),
      legend: `${legend} concurrent requests`,
      drawn: { rightAxisUnit: NoUnit },
    },
  ],
  empty: "No data: no provider answered, none is probed, or no exporter was scraped.",
};

const responses: DataPanel = {
  id: "provider-responses",
  kind: "timeseries",
  title: "Answers by code",
  meaning:
    "Answers per second from each account, over all processes: those that report redisops’s counters (429 and other) and those that are instrumented by OpenTelemetry (the HTTP status; the account is “unknown” where the provider has several). This is what the alert on 429s reads.",
  normal: "2xx and other far above everything else.",
  width: 12,
  height: 8,
  unit: RequestsPerSecond,
  min: 0,
  queries: [
    {
      expression: "sum by (provider, account, code) (redisops:provider_responses:rate)",
      legend: `${legend} {{code}}`,
    },
  ],
  empty:
    "No data: no process reports requests to a provider, or Prometheus does not have the recording rules.",
};

const requests: DataPanel = {
  id: "provider-requests",
  kind: "timeseries",
  title: "Requests and 429s",
  meaning:
    "Answered requests by account, and those that were answered with 429, over all processes that report them. With the exporter alone these are its own probes; with the workers’ metrics it is the traffic.",
  normal: "429s near 0. A 429 line that meets its request line is an account that is blocked.",
  width: 8,
  height: 8,
  unit: RequestsPerSecond,
  min: 0,
  queries: [
    { expression: perSecond("redisops_provider_requests_total"), legend },
    { expression: perSecond("redisops_provider_throttled_total"), legend: `${legend} 429` },
  ],
  empty: notAsked,
};

const remaining: DataPanel = {
  id: "provider-limit-remaining",
  kind: "timeseries",
  title: "What is left of the limit by the provider’s count",
  meaning:
    "Share of the account’s limit that is left in the provider’s current window, by the headers of its answer to the probe; at the right, seconds until the window starts anew. It is the limit of what was probed: SendGrid counts each endpoint by itself.",
  normal:
    "near 100 % where only the probe uses the endpoint, falling within each window where the traffic does.",
  width: 8,
  height: 8,
  unit: PercentUnit,
  min: 0,
  max: 1,
  queries: [
    {
      expression: `min by (${account.join(", ")}) (${series("redisops_provider_limit_remaining")} / ${series("redisops_provider_limit")})`,
      legend,
    },
    {
      expression: `clamp_min(${maxBy(account, "redisops_provider_limit_reset_timestamp_seconds")} - time(), 0)`,
      legend: `${legend} anew in`,
      drawn: { rightAxisUnit: Seconds },
    },
  ],
  empty:
    "No data: no probed provider tells its limit in headers (Twilio does not), or no exporter was scraped.",
};

const retryAfter: DataPanel = {
  id: "provider-retry-after",
  kind: "timeseries",
  title: "Wait that providers ask for",
  meaning:
    "What the latest 429 of an account asked to wait before the next request; 0 when the latest answer was none. Requests sent before that time count against the limit as well.",
  normal: "0, with peaks of seconds.",
  width: 8,
  height: 8,
  unit: Seconds,
  min: 0,
  queries: [{ expression: maxBy(account, "redisops_provider_retry_after_seconds"), legend }],
  empty: notAsked,
};

function throttledShare(thresholds: ThresholdOverrides): DataPanel {
  const throttled = drawSignal(ProviderThrottled, thresholds);
  return {
    id: "provider-throttled",
    kind: "timeseries",
    title: "Share of requests answered with 429",
    meaning: `By account, over all processes and the window that the alert uses. It fires above ${percent(throttled.limit)} where more than ${throttled.guardLimit ?? 0} requests a second are made; workers route around such an account.`,
    normal: "under 1 %, in short bursts.",
    width: 12,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    thresholds: throttled.steps,
    queries: [{ expression: throttled.expression, legend }],
    empty: notAsked,
  };
}

/** Which account is throttled, rejected or not answered, and how the providers’ limits stand. */
export function providerPanels(thresholds: ThresholdOverrides): DataPanel[] {
  return [accounts, throttledShare(thresholds), responses, responseTime, requests, remaining, retryAfter];
}
