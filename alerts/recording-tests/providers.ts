import { constant, growing, type RecordingTest, type Reported } from "./world.ts";

const twilioMain = 'role="token_bucket",provider="twilio",account="main"';

/** The contract's counters, of a process that gets so many answers a minute. */
const counted = (instance: string, requests: number, throttled: number): Reported[] => [
  {
    series: `redisops_provider_requests_total{job="workers",instance="${instance}",${twilioMain}}`,
    values: growing(requests),
  },
  {
    series: `redisops_provider_throttled_total{job="workers",instance="${instance}",${twilioMain}}`,
    values: growing(throttled),
  },
];

/** OpenTelemetry's histogram of a process: one of its parts, for one status. */
function instrumented(
  instance: string,
  perMinute: number,
  { code = "201", host = "api.twilio.com", port = "443", part = "seconds_count", le = "" } = {},
): Reported {
  const labels = [
    `job="workers",instance="${instance}",http_request_method="POST"`,
    ...(code === "" ? ['error_type="timeout"'] : [`http_response_status_code="${code}"`]),
    `server_address="${host}"`,
    ...(port === "" ? [] : [`server_port="${port}"`]),
    ...(le === "" ? [] : [`le="${le}"`]),
  ].join(",");
  return { series: `http_client_request_duration_${part}{${labels}}`, values: growing(perMinute) };
}

const responses = (account: string, byCode: Readonly<Record<string, number>>) => ({
  "redisops:provider_responses:rate": Object.fromEntries(
    Object.entries(byCode).map(([code, perSecond]) => [
      `account="${account}",code="${code}",provider="twilio",role="token_bucket"`,
      perSecond,
    ]),
  ),
});

const limits = (...values: readonly number[]): Reported[] =>
  values.map((value, index) => ({
    series: `redisops_provider_learned_limit{job="workers",instance="worker-${index}",${twilioMain}}`,
    values: constant(value),
  }));

const exported = (metric: string, value: number): Reported => ({
  series: `${metric}{job="redisops",instance="exporter-1",${twilioMain}}`,
  values: constant(value),
});

const configuredLimit = exported("redisops_token_bucket_refill_per_second", 1000);

const sortedMain = 'account="main",provider="twilio",role="token_bucket"';

const limitAndDrift = (limit: number, drift: number) => ({
  "redisops:provider_observed_limit:per_second": { [sortedMain]: limit },
  "redisops:provider_limit_drift:ratio": { [sortedMain]: drift },
});

const nothing = { "redisops:provider_responses:rate": {} };

/** Answers of providers, and their limits. */
export const providerTests: readonly RecordingTest[] = [
  {
    name: "counters alone",
    reported: counted("worker-1", 600, 60),
    recorded: responses("main", { "429": 1, other: 9 }),
    throttled: "main",
  },
  {
    name: "counters of a process that has not met a 429 and does not report that counter yet",
    reported: counted("worker-1", 600, 0).slice(0, 1),
    recorded: responses("main", { other: 10 }),
  },
  {
    name: "OpenTelemetry alone",
    reported: [
      instrumented("worker-1", 540),
      instrumented("worker-1", 60, { code: "429" }),
      instrumented("worker-2", 60, { code: "503", port: "" }),
      instrumented("worker-2", 600, { code: "" }),
    ],
    recorded: responses("unknown", { "201": 9, "429": 1, "503": 1 }),
    throttled: "unknown",
  },
  {
    name: "OpenTelemetry of a pipeline that keeps buckets alone, and of one that keeps everything",
    reported: [
      instrumented("worker-1", 300, { part: "seconds_bucket", le: "0.1" }),
      instrumented("worker-1", 600, { part: "seconds_bucket", le: "+Inf" }),
      instrumented("worker-2", 600),
      instrumented("worker-2", 600, { part: "seconds_bucket", le: "+Inf" }),
    ],
    recorded: responses("unknown", { "201": 20 }),
  },
  {
    name: "OpenTelemetry of SDKs that leave the unit out of the name",
    reported: [
      instrumented("worker-1", 600, { part: "count" }),
      instrumented("worker-2", 60, { part: "bucket", le: "+Inf", code: "429" }),
    ],
    recorded: responses("unknown", { "201": 10, "429": 1 }),
    throttled: "unknown",
  },
  {
    name: "a process that reports both counts once",
    reported: [
      ...counted("worker-1", 600, 60),
      instrumented("worker-1", 540),
      instrumented("worker-1", 60, { code: "429" }),
    ],
    recorded: responses("main", { "429": 1, other: 9 }),
    throttled: "main",
  },
  {
    name: "a process with counters beside one with OpenTelemetry: each has its say",
    reported: [
      ...counted("worker-1", 600, 0),
      instrumented("worker-2", 300),
      instrumented("worker-2", 300, { code: "429" }),
    ],
    recorded: {
      "redisops:provider_responses:rate": {
        ...responses("main", { "429": 0, other: 10 })["redisops:provider_responses:rate"],
        ...responses("unknown", { "201": 5, "429": 5 })["redisops:provider_responses:rate"],
      },
    },
    throttled: "unknown",
  },
  {
    name: "a process with counters for one provider and OpenTelemetry for another",
    reported: [
      ...counted("worker-1", 600, 0),
      instrumented("worker-1", 600, { host: "api.sendgrid.com", code: "202" }),
    ],
    recorded: {
      "redisops:provider_responses:rate": {
        ...responses("main", { "429": 0, other: 10 })["redisops:provider_responses:rate"],
        'account="unknown",code="202",provider="sendgrid",role="token_bucket"': 10,
      },
    },
  },
  {
    name: "foreign hosts and ports are nobody’s provider",
    reported: ["api.twilio.com.example", "apixtwilio.com", "notapi.twilio.com", "payments.example"]
      .map((host) => instrumented("worker-1", 600, { host, code: "429" }))
      .concat(instrumented("worker-1", 600, { port: "8443", code: "429" })),
    recorded: nothing,
  },
  {
    name: "processes without traffic",
    reported: [...counted("worker-1", 0, 0), instrumented("worker-2", 0, { code: "429" })],
    recorded: {
      "redisops:provider_responses:rate": {
        ...responses("main", { "429": 0, other: 0 })["redisops:provider_responses:rate"],
        ...responses("unknown", { "429": 0 })["redisops:provider_responses:rate"],
      },
    },
  },
  {
    name: "no processes at all",
    reported: [],
    recorded: { ...nothing, "redisops:provider_limit_drift:ratio": {} },
  },
  {
    name: "a limit that the provider tells goes before what processes learned",
    reported: [configuredLimit, exported("redisops_provider_limit_per_second", 800), ...limits(100, 200)],
    recorded: limitAndDrift(800, -0.2),
  },
  {
    name: "a limit that processes learned from 429s",
    reported: [configuredLimit, ...limits(300, 400)],
    recorded: limitAndDrift(700, -0.3),
  },
  {
    name: "processes that have learned nothing allow themselves the whole limit, which says nothing",
    reported: [configuredLimit, ...limits(1000, 200)],
    recorded: {
      "redisops:provider_observed_limit:per_second": {},
      "redisops:provider_limit_drift:ratio": {},
    },
  },
];
