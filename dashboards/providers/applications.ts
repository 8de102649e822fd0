import { CountsPerSecond, RequestsPerSecond, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { rateBy, sumBy } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

/** Which accounts workers keep away from. */
export const accountsBlocked: DataPanel = {
  id: "accounts-blocked",
  kind: "timeseries",
  title: "Accounts that workers keep away from",
  meaning:
    "Workers that send nothing through an account because the provider refused it, and what all workers together allow themselves on it by what the 429s taught them (right axis).",
  normal: "0 blocked; the learned limit stands at or above the account’s limit.",
  width: 12,
  height: 8,
  unit: Short,
  min: 0,
  queries: [
    {
      expression: sumBy(["provider", "account"], "redisops_provider_account_blocked"),
      legend: "{{provider}} {{account}}",
    },
    {
      expression: sumBy(["provider", "account"], "redisops_provider_learned_limit"),
      legend: "{{provider}} {{account}} learned",
      drawn: { rightAxisUnit: RequestsPerSecond },
    },
  ],
  empty: notReported,
};

/** What was not sent, and why. */
export const notificationsHeld: DataPanel = {
  id: "notifications-held",
  kind: "timeseries",
  title: "Notifications shed, and duplicates suppressed",
  meaning:
    "Notifications for which no account had room, by priority: bulk is shed first, critical (one-time passwords, fraud alerts) last. Suppressed duplicates are the filter at work; they end while it is away.",
  normal: "no shed line; duplicates in proportion to the queue’s redeliveries.",
  width: 12,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [
    {
      expression: rateBy(["provider", "priority"], "redisops_notifications_shed_total"),
      legend: "{{provider}} {{priority}} shed",
    },
    { expression: rateBy(["role"], "redisops_duplicates_suppressed_total"), legend: "duplicates suppressed" },
  ],
  empty: notReported,
};
