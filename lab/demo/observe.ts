import { z } from "zod";
import { type ActiveAlert, activeAlerts } from "../../core/prometheus.ts";
import { waitUntil } from "../wait.ts";
import type { DemoPlatform } from "./platform.ts";

/** Longest wait for any one thing that the story expects, in milliseconds. */
const deadlineMs = 30_000;

const alertmanagerAlerts = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    status: z.object({ state: z.string() }),
    receivers: z.array(z.object({ name: z.string() })),
  }),
);

/** An alert as Alertmanager's API shows it. */
export type RoutedAlert = z.infer<typeof alertmanagerAlerts>[number];

/** Waits until Prometheus reports the alert in that state. */
export function alertInState(
  { prometheus }: DemoPlatform,
  name: string,
  state: ActiveAlert["state"],
): Promise<ActiveAlert> {
  return waitUntil(
    async () =>
      (await activeAlerts(prometheus.url, 2_000)).find(
        (alert) =>
          alert.labels.alertname === name &&
          (alert.state === state || (state === "pending" && alert.state === "firing")),
      ),
    { what: `${name} to be ${state} in Prometheus`, deadlineMs, intervalMs: 100 },
  );
}

/** Waits until Prometheus no longer reports the alert. */
export function alertGone({ prometheus }: DemoPlatform, name: string): Promise<true> {
  return waitUntil(
    async () => !(await activeAlerts(prometheus.url, 2_000)).some((alert) => alert.labels.alertname === name),
    { what: `${name} to resolve in Prometheus`, deadlineMs, intervalMs: 100 },
  ) as Promise<true>;
}

/** Waits until Alertmanager has the alert, and returns it with its receivers. */
export function routedAlert({ alertmanager }: DemoPlatform, name: string): Promise<RoutedAlert> {
  return waitUntil(
    async () => {
      const response = await fetch(`${alertmanager.url}/api/v2/alerts`, {
        signal: AbortSignal.timeout(2_000),
      });
      return alertmanagerAlerts.parse(await response.json()).find((alert) => alert.labels.alertname === name);
    },
    { what: `${name} in Alertmanager`, deadlineMs, intervalMs: 100 },
  );
}

/** Waits until the paging webhook was told that the alert fires or is resolved. */
export function notified({ webhooks }: DemoPlatform, name: string, status: "firing" | "resolved") {
  return webhooks.waitFor(
    (notification, path) =>
      path === "/page" &&
      notification.alerts.some((alert) => alert.labels.alertname === name && alert.status === status),
    deadlineMs,
  );
}

/** The current value of one series in the exporter's own output. */
export async function exported({ exporterUrl }: DemoPlatform, series: string): Promise<string> {
  const response = await fetch(`${exporterUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const line = (await response.text()).split("\n").find((text) => text.startsWith(`${series} `));
  return line?.slice(series.length + 1) ?? "absent";
}
