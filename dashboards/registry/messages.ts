import { CountsPerSecond, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { rateBy, sumBy } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

/** Messages that are not handed over at once, or get an id that is taken. */
export const messagesHeld: DataPanel = {
  id: "messages-held",
  kind: "timeseries",
  title: "Messages that wait, are refused, or get a regressed id",
  meaning:
    "Messages written to pending_deliveries instead of being handed over, messages refused by the rate limit, and conversations whose counter was found below an id already given (each is healed on the spot, and each is a sign of a sequence store that lost data).",
  normal: "deferred follows the share of offline users; rate-limited near 0; regressed 0.",
  width: 8,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [
    { expression: rateBy(["role"], "redisops_messages_deferred_total"), legend: "deferred" },
    { expression: rateBy(["role"], "redisops_rate_limited_total"), legend: "rate-limited" },
    { expression: rateBy(["role"], "redisops_sequence_regressions_total"), legend: "counter regressed" },
  ],
  empty: notReported,
};

/** What delivery workers take out of pending_deliveries. */
export const pendingDrained: DataPanel = {
  id: "pending-drained",
  kind: "timeseries",
  title: "Messages that delivery workers hand over",
  meaning:
    "Messages that left pending_deliveries after their recipient’s connection server acknowledged them, and attempts that it did not acknowledge. After an outage of the registry the first line is the burst that ends it; a second line that stays is a connection server that takes nothing.",
  normal: "follows the deferred messages; refusals near 0.",
  width: 8,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [
    { expression: rateBy(["role"], "redisops_pending_delivered_total"), legend: "handed over" },
    { expression: rateBy(["role"], "redisops_pending_delivery_failures_total"), legend: "not acknowledged" },
  ],
  empty: notReported,
};

/** Whether the topic is whole from which a lost registry is rebuilt. */
export const connectionEvents: DataPanel = {
  id: "connection-events",
  kind: "timeseries",
  title: "Connection events on their way to Kafka",
  meaning:
    "Users whose latest connection event has not reached the topic from which a lost registry is rebuilt, and events that were given up (right axis): a rebuild would miss those users until they reconnect.",
  normal: "near 0 waiting, none given up.",
  width: 8,
  height: 8,
  unit: Short,
  min: 0,
  queries: [
    { expression: sumBy(["role"], "redisops_connection_events_waiting"), legend: "waiting" },
    {
      expression: rateBy(["role"], "redisops_connection_events_dropped_total"),
      legend: "given up",
      drawn: { rightAxisUnit: CountsPerSecond },
    },
  ],
  empty: notReported,
};
