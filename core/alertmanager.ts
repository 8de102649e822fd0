import { z } from "zod";
import { messageOf, RedisopsError } from "./errors.ts";

const alertsReply = z.array(
  z.object({
    fingerprint: z.string(),
    labels: z.record(z.string(), z.string()),
    status: z.object({
      state: z.enum(["active", "suppressed", "unprocessed"]),
      inhibitedBy: z.array(z.string()),
    }),
  }),
);

/** An alert as Alertmanager holds it. */
export interface HeldAlert {
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Fingerprints of the alerts that keep it from being notified; empty where none does. */
  readonly inhibitedBy: readonly string[];
}

/**
 * Asks one of Alertmanager's endpoints. Rejects with ALERTMANAGER_UNAVAILABLE, at the latest after `deadline` ms.
 */
export async function askAlertmanager<Reply>(
  url: string,
  path: string,
  deadline: number,
  reply: z.ZodType<Reply>,
): Promise<Reply> {
  try {
    const address = new URL(path, url.endsWith("/") ? url : `${url}/`);
    const response = await fetch(address, { signal: AbortSignal.timeout(deadline) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return reply.parse(await response.json());
  } catch (error) {
    const reason =
      error instanceof z.ZodError || error instanceof SyntaxError
        ? "the answer is not that of Alertmanager"
        : messageOf(error instanceof TypeError ? (error.cause ?? error) : error);
    throw new RedisopsError("ALERTMANAGER_UNAVAILABLE", `Alertmanager at ${url}: ${reason}`, {
      target: url,
      cause: error,
    });
  }
}

/** The alerts that fire by Alertmanager's knowledge. Rejects with ALERTMANAGER_UNAVAILABLE, at the latest after `deadline` ms. */
export async function heldAlerts(url: string, deadline: number): Promise<HeldAlert[]> {
  const alerts = await askAlertmanager(url, "api/v2/alerts", deadline, alertsReply);
  return alerts.map(({ fingerprint, labels, status }) => ({
    fingerprint,
    labels,
    inhibitedBy: status.inhibitedBy,
  }));
}
