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

/** The alerts that are pending or firing. Rejects with PROMETHEUS_UNAVAILABLE, at the latest after `deadline` ms. */
export async function activeAlerts(url: string, deadline: number): Promise<ActiveAlert[]> {
  try {
    const response = await fetch(new URL("api/v1/alerts", url.endsWith("/") ? url : `${url}/`), {
      signal: AbortSignal.timeout(deadline),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return alertsReply.parse(await response.json()).data.alerts;
  } catch (error) {
    throw new RedisopsError("PROMETHEUS_UNAVAILABLE", `Prometheus at ${url}: ${reasonOf(error, deadline)}`, {
      target: url,
      cause: error,
    });
  }
}
