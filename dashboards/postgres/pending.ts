import { PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import { PendingDeliveriesBacklog } from "../../catalog/modes/PendingDeliveriesBacklog.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy, series } from "../series.ts";

/** What waits for delivery because its recipient was not found, and whether it should. */
export function pendingPanels(thresholds: ThresholdOverrides): DataPanel[] {
  const backlog = drawSignal(PendingDeliveriesBacklog, thresholds);
  return [
    {
      id: "pending-deliverable",
      kind: "timeseries",
      title: "Waiting although the recipient is connected",
      meaning: `Share of sampled waiting messages, older than a minute, whose recipient the registry shows as connected. The alert fires above ${percent(backlog.limit)} while more than ${backlog.guardLimit ?? 0} messages wait.`,
      normal: "0, whatever the depth; a short peak after a registry outage drains by itself.",
      width: 8,
      height: 8,
      unit: PercentUnit,
      min: 0,
      max: 1,
      thresholds: backlog.steps,
      queries: [{ expression: backlog.expression, legend: "deliverable" }],
      empty: "No data: the registry or Postgres did not answer, or the table is not configured.",
    },
    {
      id: "pending-depth",
      kind: "timeseries",
      title: "Waiting messages",
      meaning:
        "Rows in pending_deliveries. It rises while the registry is down, because everybody looks offline, and falls as the delivery workers drain it. A flat top is the bound up to which rows are counted (exporter.pending_count_limit).",
      normal:
        "what people who are offline have not fetched yet: steady over the day, never growing without end.",
      width: 8,
      height: 8,
      unit: Short,
      min: 0,
      queries: [{ expression: maxBy(["role"], "redisops_pending_deliveries"), legend: "waiting" }],
      empty: "No data: Postgres did not answer, or the table is not configured.",
    },
    {
      id: "pending-oldest",
      kind: "timeseries",
      title: "Age of the oldest waiting message",
      meaning:
        "Time since the oldest row of pending_deliveries was written. A line that climbs by one second per second for everybody’s messages means that nothing is delivered; one person who stays offline looks the same, so read it with the panel at the left.",
      normal: "up to the time after which undelivered messages are dropped.",
      width: 8,
      height: 8,
      unit: Seconds,
      min: 0,
      queries: [
        {
          expression: `time() - min by (role) (${series("redisops_pending_deliveries_oldest_timestamp_seconds")})`,
          legend: "oldest",
          present: { after: "a message had to wait" },
        },
      ],
      empty: "No data: no message waits, or Postgres did not answer.",
    },
  ];
}
