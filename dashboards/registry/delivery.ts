import { Seconds } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { histogramSeries } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

const quantile = (share: number) =>
  `histogram_quantile(${share}, sum by (le) (rate(${histogramSeries("redisops_delivery_delay_seconds", "bucket")}[$__rate_interval])))`;

/** How late messages arrive. */
export const deliveryDelay: DataPanel = {
  id: "delivery-delay",
  kind: "timeseries",
  title: "Delay of messages to connected people",
  meaning:
    "Time from a message’s acceptance to its recipient’s connection server, by the middle, the slow twentieth and the slowest hundredth of what arrived. What arrives after an outage of the registry raises it at once and ends within minutes. A slow twentieth that climbs while the registry is up is a backlog that nobody drains.",
  normal: "tens of milliseconds; the slowest hundredth under a second.",
  width: 12,
  height: 8,
  unit: Seconds,
  min: 0,
  queries: [
    { expression: quantile(0.5), legend: "half" },
    { expression: quantile(0.95), legend: "95 of 100" },
    { expression: quantile(0.99), legend: "99 of 100" },
  ],
  empty: notReported,
};
