import type { RecordedSeriesName } from "../catalog/recorded-series.ts";
import { type Slo, slos, sloWindows } from "../catalog/slos.ts";
import type { ProviderAddress } from "./provider-addresses.ts";

/** A recording rule of Prometheus. */
export interface RecordingRule {
  readonly record: RecordedSeriesName;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The account of answers whose client does not say which it used. */
const unknownAccount = "unknown";

/** A regular expression of RE2 within a PromQL string that matches just this text. */
const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\\$&`);

const setLabel = (vector: string, label: string, value: string, from = "", matching = "") =>
  `label_replace(${vector}, "${label}", "${value}", "${from}", "${matching}")`;

/** OpenTelemetry's http.client.request.duration in Prometheus; some SDKs leave the unit out (JavaScript's 0.223 does). */
const durations = ["http_client_request_duration_seconds", "http_client_request_duration"];

/**
 * Rates of answers by process, whatever form the histogram has: classic with its count, classic with its buckets alone,
 * or native. `or` takes each process's answers once.
 */
function answerRates(matchers: string, window: string): string {
  return durations
    .flatMap((duration) => [
      `rate(${duration}_count{${matchers}}[${window}])`,
      `sum without (le) (rate(${duration}_bucket{${matchers}, le="+Inf"}[${window}]))`,
      `histogram_count(rate(${duration}{${matchers}}[${window}]))`,
    ])
    .join(" or ");
}

/** Answers of the providers that are reached at one port, with the labels of the contract. */
function answersAtPort(addresses: readonly ProviderAddress[], window: string): string {
  const hosts = addresses.map(({ host }) => literally(host)).join("|");
  const [{ port = "", usualPort = false } = {}] = addresses;
  const matchers = [
    `http_response_status_code!=""`,
    `server_address=~"${hosts}"`,
    usualPort ? `server_port=~"|${port}"` : `server_port="${port}"`,
  ].join(", ");
  const named = addresses.reduce(
    (vector, { provider, account, host }) => {
      const labelled = setLabel(vector, "provider", provider, "server_address", literally(host));
      return account === undefined
        ? labelled
        : setLabel(labelled, "account", account, "server_address", literally(host));
    },
    `(${answerRates(matchers, window)})`,
  );
  return setLabel(named, "account", unknownAccount, "account");
}

function httpClientResponses(addresses: readonly ProviderAddress[], window: string): string {
  const portOf = ({ port, usualPort }: ProviderAddress) => `${port} ${usualPort}`;
  const ports = [...new Set(addresses.map(portOf))];
  const answers = ports
    .map((port) =>
      answersAtPort(
        addresses.filter((address) => portOf(address) === port),
        window,
      ),
    )
    .join(" or ");
  const coded = setLabel(`(${answers})`, "code", "$1", "http_response_status_code", "(.+)");
  return `sum by (job, instance, role, provider, account, code) (${setLabel(coded, "role", "token_bucket")})`;
}

/** Answers that the contract's own counters report, and OpenTelemetry's of processes that have no such counters. */
function providerResponses(window: string, withHttpClients: boolean): string {
  const requests = "redisops_provider_requests_total";
  const throttled = `rate(redisops_provider_throttled_total[${window}])`;
  const all = `rate(${requests}[${window}])`;
  // A process that has no 429 yet may not have the counter either; rates of two counters may differ by their ends.
  const others = `clamp_min(${all} - (${throttled} or 0 * ${all}), 0)`;
  const sources = [
    setLabel(throttled, "code", "429"),
    setLabel(others, "code", "other"),
    ...(withHttpClients
      ? [`(redisops:http_client_responses:rate unless on (job, instance, provider) ${requests})`]
      : []),
  ];
  return `sum by (role, provider, account, code) (${sources.join(" or ")})`;
}

/**
 * How much of what connection servers hold the registry knows. Exporters that see the same registry count once; connections
 * of all processes add up.
 */
export const registryCoverage: RecordingRule = {
  record: "redisops:registry_coverage:ratio",
  expr: "max by (role) (redisops_registry_entries) / (sum by (role) (redisops_registry_connections) > 0)",
};

/** Window over which reads are rated: four scrapes a minute apart. */
const readsWindow = "5m";

const readsFromCache = `sum by (role) (rate(redisops_preference_read_seconds_count{source="cache"}[${readsWindow}]))`;
const allReads = `sum by (role) (rate(redisops_preference_read_seconds_count[${readsWindow}]))`;
/** For platforms whose applications report no reads. Two exporters that look at the same server see the same counter. */
const cacheHits = `sum by (role) (max by (role, node) (rate(redisops_redis_keyspace_hits_total{role="preferences"}[${readsWindow}])))`;

/** Whether Postgres would survive the loss of the preferences cache, and what share of the reads that is about. */
export const preferencesRules: readonly RecordingRule[] = [
  { record: "redisops:preferences_cache_hit:ratio", expr: `${readsFromCache} / (${allReads} > 0)` },
  {
    record: "redisops:preferences_headroom:ratio",
    expr: `max by (role) (redisops_preference_read_capacity) / ((${readsFromCache} or ${cacheHits}) > 0)`,
  },
];

/** Each objective's events and the bad share of them, over every window that an alert or a board reads. */
export const sloRules: readonly RecordingRule[] = Object.entries<Slo>(slos).flatMap(([slo, { bad, all }]) =>
  sloWindows.flatMap((window) => {
    const over = (expression: string) => expression.replaceAll("$window", window);
    const labels = { slo, window };
    // Recorded just before: a rate over three days is not worth computing thrice.
    const events = `sum without (slo, window) (redisops:slo_events:rate{slo="${slo}",window="${window}"})`;
    return [
      { record: "redisops:slo_events:rate" as const, expr: over(all), labels },
      {
        record: "redisops:slo_errors:ratio" as const,
        // Bad events may never have happened: then their counter may be absent, and the share is 0.
        expr: `((${over(bad)}) or 0 * ${events}) / (${events} > 0)`,
        labels,
      },
    ];
  }),
);

/** The rules of the providers in the order in which Prometheus has to evaluate them. `window` is what the alert rates counters over. */
export function recordingRules(addresses: readonly ProviderAddress[], window: string): RecordingRule[] {
  const by = "by (role, provider, account)";
  const httpClients: RecordingRule[] =
    addresses.length === 0
      ? []
      : [
          {
            record: "redisops:http_client_responses:rate",
            expr: httpClientResponses(addresses, window),
          },
        ];
  return [
    ...httpClients,
    {
      record: "redisops:provider_responses:rate",
      expr: providerResponses(window, httpClients.length > 0),
    },
    {
      record: "redisops:provider_observed_limit:per_second",
      expr: `max ${by} (redisops_provider_limit_per_second) or (sum ${by} (redisops_provider_learned_limit) < max ${by} (redisops_token_bucket_refill_per_second))`,
    },
    {
      record: "redisops:provider_limit_drift:ratio",
      expr: `redisops:provider_observed_limit:per_second / max ${by} (redisops_token_bucket_refill_per_second) - 1`,
    },
  ];
}
