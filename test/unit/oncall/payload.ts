/** An alert as Alertmanager posts it. */
export function notified(labels: Readonly<Record<string, string>>, status = "firing") {
  return {
    status,
    labels,
    annotations: { summary: "not read" },
    startsAt: "2026-11-21T09:00:00.000Z",
    endsAt: "0001-01-01T00:00:00Z",
    generatorURL: "http://prometheus/graph",
    fingerprint: "0011223344556677",
  };
}

/** A notification as Alertmanager posts it (version 4 of its format). */
export function payload(
  alerts: readonly unknown[],
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    version: "4",
    groupKey: '{}:{role="dedup"}',
    status: "firing",
    receiver: "oncall",
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: "http://alertmanager",
    truncatedAlerts: 0,
    alerts,
    ...more,
  };
}
