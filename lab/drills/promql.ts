import { z } from "zod";

/** A series of an instant query's answer. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const answer = z.union([
  z.object({
    status: z.literal("success"),
    data: z.union([
      z.object({
        resultType: z.literal("vector"),
        result: z.array(
          z.object({
            metric: z.record(z.string(), z.string()),
            value: z.tuple([z.number(), z.string()]),
          }),
        ),
      }),
      z.object({ resultType: z.literal("scalar"), result: z.tuple([z.number(), z.string()]) }),
    ]),
  }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

const deadlineMs = 20_000;

/** `NaN`, `+Inf` and `-Inf` are Prometheus's own. */
const numberOf = (text: string) => (text.endsWith("Inf") ? Number(`${text}inity`) : Number(text));

const rangeAnswer = z.union([
  z.object({ status: z.literal("success"), data: z.object({ result: z.array(z.unknown()) }) }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

async function ask<T>(
  prometheus: string,
  path: string,
  form: Readonly<Record<string, string>>,
  schema: z.ZodType<T>,
): Promise<T> {
  const response = await fetch(`${prometheus}/api/v1/${path}`, {
    method: "POST",
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(deadlineMs),
  });
  return schema.parse(await response.json());
}

/**
 * Asks Prometheus for an expression's value now.
 *
 * @throws Error what Prometheus has against the expression, or that it does not answer.
 */
export async function instantQuery(prometheus: string, expression: string): Promise<Series[]> {
  const answered = await ask(prometheus, "query", { query: expression }, answer);
  if (answered.status === "error") throw new Error(`${answered.error}: ${expression}`);
  const { data } = answered;
  if (data.resultType === "scalar") return [{ labels: {}, value: numberOf(data.result[1]) }];
  return data.result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value[1]) }));
}

/**
 * How many series an expression has had within the last seconds, as a panel shows them that draws a span of time. Rejects as
 * {@link instantQuery} does.
 */
export async function seriesWithin(prometheus: string, expression: string, seconds: number): Promise<number> {
  const end = Date.now() / 1_000;
  const form = { query: expression, start: `${end - seconds}`, end: `${end}`, step: "2" };
  const answered = await ask(prometheus, "query_range", form, rangeAnswer);
  if (answered.status === "error") throw new Error(`${answered.error}: ${expression}`);
  return answered.data.result.length;
}
