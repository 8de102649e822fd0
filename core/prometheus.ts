import { z } from "zod";
import { messageOf, RedisopsError } from "./errors.ts";

/** An alert as Prometheus knows it. */
export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
  /** When the alert's condition began to hold. */
  readonly activeAt: Date;
}

const labels = z.record(z.string(), z.string());
const alertsReply = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        labels,
        annotations: labels,
        state: z.enum(["pending", "firing"]),
        activeAt: z.coerce.date(),
      }),
    ),
  }),
});

/** Why there is no usable answer, in words. */
function reasonOf(error: unknown, deadline: number): string {
  if (error instanceof z.ZodError || error instanceof SyntaxError)
    return "the answer is not that of Prometheus";
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${deadline / 1000} s`;
  // fetch itself only says that it failed; its cause says why.
  return messageOf(error instanceof TypeError ? (error.cause ?? error) : error);
}

/** Asks one of Prometheus’ endpoints. Rejects with PROMETHEUS_UNAVAILABLE, at the latest after `deadline` ms. */
export async function askPrometheus<Reply>(
  url: string,
  path: string,
  parameters: Readonly<Record<string, string>>,
  deadline: number,
  reply: z.ZodType<Reply>,
): Promise<Reply> {
  try {
    const address = new URL(path, url.endsWith("/") ? url : `${url}/`);
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    const response = await fetch(address, { signal: AbortSignal.timeout(deadline) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return reply.parse(await response.json());
  } catch (error) {
    throw new RedisopsError("PROMETHEUS_UNAVAILABLE", `Prometheus at ${url}: ${reasonOf(error, deadline)}`, {
      target: url,
      cause: error,
    });
  }
}

/** The alerts that are pending or firing. Rejects with PROMETHEUS_UNAVAILABLE, at the latest after `deadline` ms. */
export async function activeAlerts(url: string, deadline: number): Promise<ActiveAlert[]> {
  return (await askPrometheus(url, "api/v1/alerts", {}, deadline, alertsReply)).data.alerts;
}

const vectorReply = z.object({
  data: z.object({
    resultType: z.literal("vector"),
    result: z.array(z.object({ metric: labels, value: z.tuple([z.number(), z.string()]) })),
  }),
});

/** A series of an instant query’s answer. */
export interface InstantSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a PromQL expression has at this moment. Rejects with PROMETHEUS_UNAVAILABLE, at the latest after `deadline` ms. */
export async function instantQuery(url: string, promql: string, deadline: number): Promise<InstantSample[]> {
  const { data } = await askPrometheus(url, "api/v1/query", { query: promql }, deadline, vectorReply);
  return data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
}

const matrixReply = z.object({
  data: z.object({
    result: z.array(z.object({ metric: labels, values: z.array(z.tuple([z.number(), z.string()])) })),
  }),
});

/** A series of a range query’s answer: seconds since the epoch, value. */
export interface RangeSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [number, number])[];
}

/** A span of time, in seconds since the epoch, and the seconds between two values in it. */
export interface QueryRange {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** What a PromQL expression had over a span of time. Rejects with PROMETHEUS_UNAVAILABLE, at the latest after `deadline` ms. */
export async function rangeQuery(
  url: string,
  promql: string,
  { from, to, step }: QueryRange,
  deadline: number,
): Promise<RangeSeries[]> {
  const parameters = { query: promql, start: `${from}`, end: `${to}`, step: `${step}` };
  const { data } = await askPrometheus(url, "api/v1/query_range", parameters, deadline, matrixReply);
  return data.result.map(({ metric, values }) => ({
    labels: metric,
    points: values.map(([at, value]) => [at, Number(value)] as const),
  }));
}
