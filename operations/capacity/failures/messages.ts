import { drainSeconds, within } from "../closed-forms.ts";
import { registryDown as simulateRegistryDown } from "../experiments/pending.ts";
import { failure } from "../failure.ts";
import type { Figures } from "../figures.ts";

const finite = (value: number) => (Number.isFinite(value) ? value : null);

/** The registry gives no answer: every message goes to pending_deliveries, and is handed over afterwards. */
export function registryDown(figures: Figures, seed: number) {
  const recipients = figures.values.recipients?.value;
  return failure(
    {
      id: "registry-down",
      title: "The connection registry is down",
      role: "registry",
      modes: ["RegistryDown", "PendingDeliveriesBacklog"],
    },
    ["messages_per_second", "connected_ratio", "outage_seconds", "drain_messages_per_second"],
    ({
      messages_per_second: messages,
      connected_ratio: connected,
      outage_seconds: outage,
      drain_messages_per_second: drain,
    }) => {
      const arrivals = messages * connected;
      const backlog = arrivals * outage;
      const { least, most } = drainSeconds(backlog, drain, arrivals);
      const outcome =
        recipients === undefined || arrivals === 0
          ? undefined
          : simulateRegistryDown({ messages: arrivals, recipients, outageSeconds: outage, drain }, seed);
      return {
        rows: [
          {
            id: "pending_growth",
            what: "pending_deliveries grows by",
            unit: "per second",
            value: messages,
            formula: "messages_per_second",
            source: "every message is stored",
          },
          {
            id: "delayed_messages",
            what: "messages delayed by the outage",
            unit: "count",
            value: backlog,
            formula: "messages_per_second × connected_ratio × outage_seconds",
            source: "the others would wait anyway",
          },
          {
            id: "drain_least",
            what: "drain afterwards, if nobody joins the line",
            unit: "seconds",
            bound: "at least",
            value: least,
            formula: "delayed_messages / drain_messages_per_second",
            source: "throughput law",
            ...(outcome === undefined ? {} : { simulated: outcome.drainSeconds ?? null }),
          },
          {
            id: "drain_most",
            what: "drain afterwards, if everybody joins it",
            unit: "seconds",
            bound: "at most",
            value: finite(most),
            formula: "delayed_messages / (drain − messages_per_second × connected_ratio)",
            source: "fluid queue",
            ...(outcome === undefined ? {} : { simulated: outcome.drainSeconds ?? null }),
          },
          {
            id: "longest_delay",
            what: "longest delay of a message",
            unit: "seconds",
            bound: "about",
            value: outage,
            formula: "outage_seconds: the oldest is handed over first",
            source: "first in, first out",
          },
        ],
        ...(outcome === undefined ? {} : { experiments: [outcome.experiment] }),
        notes:
          drain > arrivals
            ? []
            : [
                "The drain is slower than messages come: while people have waiting messages, new ones join them, and the backlog may not end. Drain from more machines.",
              ],
      };
    },
  )(figures);
}

/** The registry is back without its entries. */
export const registryCold = failure(
  {
    id: "registry-cold",
    title: "The connection registry has lost its entries",
    role: "registry",
    modes: ["RegistryCold"],
  },
  ["registry_entries", "registry_entries_per_second", "messages_per_second", "connected_ratio"],
  ({
    registry_entries: entries,
    registry_entries_per_second: rate,
    messages_per_second: messages,
    connected_ratio: connected,
  }) => ({
    rows: [
      {
        id: "registry_refill",
        what: "refill by redisops recover registry, one process",
        unit: "seconds",
        bound: "about",
        value: entries / rate,
        formula: "registry_entries / registry_entries_per_second",
        source: "definition; several machines share it",
      },
      {
        id: "misrouted",
        what: "messages that wait without need until then",
        unit: "count",
        bound: "at most",
        value: (messages * connected * entries) / rate / 2,
        formula: "messages_per_second × connected_ratio × refill / 2",
        source: "entries come back evenly",
      },
    ],
  }),
);

/** The rate limit's counters give no answer. */
export const rateLimitDown = failure(
  {
    id: "rate-limit-down",
    title: "The rate limit's counters are down",
    role: "rate_limit",
    modes: ["RateLimitFailOpen"],
  },
  ["refused_per_second", "outage_seconds"],
  ({ refused_per_second: refused, outage_seconds: outage }) => ({
    rows: [
      {
        id: "let_through",
        what: "messages over the limit that are let through",
        unit: "count",
        bound: "at least",
        value: refused * outage,
        formula: "refused_per_second × outage_seconds",
        source: "senders go on as they do; one that means harm has no bound",
      },
    ],
  }),
);

/** The sequence counters give no answer, or come back with older values. */
export const sequenceDown = failure(
  {
    id: "sequence-down",
    title: "The sequence counters are down, or fail over",
    role: "sequence",
    modes: ["SequenceFallback", "SequenceRegressed"],
  },
  ["sequence_peak_per_second", "failover_window_seconds"],
  ({ sequence_peak_per_second: peak, failover_window_seconds: window }) => ({
    rows: [
      {
        id: "ambiguous_order_ratio",
        what: "of the busiest conversation's messages in no certain order",
        unit: "ratio",
        bound: "about",
        value: within(0.001, peak),
        formula: "1 − e^(−sequence_peak_per_second × 1 ms)",
        source: "Poisson arrivals; ids have milliseconds",
      },
      {
        id: "repeated_ids",
        what: "ids that a failover may give out again, per conversation",
        unit: "count",
        bound: "at most",
        value: peak * window,
        formula: "sequence_peak_per_second × failover_window_seconds",
        source: "what a failover can lose",
      },
    ],
  }),
);
