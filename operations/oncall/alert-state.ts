import { z } from "zod";
import type { DegradationMode } from "../../catalog/mode.ts";
import { askAlertmanager } from "../../core/alertmanager.ts";
import type { Config } from "../../core/config/schema.ts";
import { activeAlerts } from "../../core/prometheus.ts";

/** Longest wait for an answer, in milliseconds. */
const deadline = 5_000;

/** Whether a mode's alert of this platform fires in Prometheus; undefined where Prometheus does not say. */
export async function alertFires(mode: DegradationMode, config: Config): Promise<boolean | undefined> {
  if (config.prometheus === undefined) return undefined;
  try {
    const alerts = await activeAlerts(config.prometheus.url, deadline);
    return alerts.some(
      ({ labels, state }) =>
        labels.alertname === mode.id &&
        state === "firing" &&
        (labels.platform === undefined || labels.platform === config.platform),
    );
  } catch {
    return undefined;
  }
}

const reply = z.array(z.object({ labels: z.record(z.string(), z.string()) }));

/**
 * Whether Alertmanager keeps a mode's alerts back: every one is silenced, or inhibited by a worse one. Undefined where
 * redisops.yaml names no Alertmanager, or where that does not say.
 */
export async function alertMuted(
  mode: DegradationMode,
  { alertmanager }: Config,
): Promise<boolean | undefined> {
  if (alertmanager === undefined) return undefined;
  const notified = new URLSearchParams({
    filter: `alertname="${mode.id}"`,
    silenced: "false",
    inhibited: "false",
  });
  try {
    return (
      (await askAlertmanager(alertmanager.url, `api/v2/alerts?${notified}`, deadline, reply)).length === 0
    );
  } catch {
    return undefined;
  }
}
