import { metrics } from "../metrics.ts";
import type { DegradationMode, FaultSeries } from "../mode.ts";

const role = "registry";
const registry = { role } as const;

/** Messages handed over per minute, as the healthy platform does. */
const perMinute = 54_000;

interface Period {
  readonly minutes: number;
  readonly perMinute?: number;
  /** Share of the messages that come after 30 s. */
  readonly late: number;
}

/** The histogram over these periods: what is late took some minutes. */
function handedOver(...periods: readonly Period[]): FaultSeries[] {
  const runs = (share: (late: number) => number) =>
    periods.map(({ minutes, perMinute: all = perMinute, late }) => ({
      value: Math.round(all * share(late)),
      samples: minutes,
    }));
  const { buckets } = metrics.redisops_delivery_delay_seconds;
  return [
    { metric: "redisops_delivery_delay_seconds_count", labels: registry, runs: runs(() => 1) },
    ...[...buckets, Number.POSITIVE_INFINITY].map((bound): FaultSeries => {
      const le = bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound);
      return {
        metric: "redisops_delivery_delay_seconds_bucket",
        labels: { role, le },
        runs: runs((late) => (bound > 30 ? 1 : 1 - late)),
      };
    }),
  ];
}

const page = "DeliveryDelayBudgetBurn:page";
const ticket = "DeliveryDelayBudgetBurn:ticket";

export const DeliveryDelayBudgetBurn: DegradationMode = {
  id: "DeliveryDelayBudgetBurn",
  title: "Messages reach connected people late, too many of them",
  role,
  board: "redisops-registry",
  severity: "page",
  nature: "symptom",
  origin:
    "What users feel of a registry failure is delay: messages queue up in pending_deliveries and come in a burst once lookups work again. How many were late, and for how long that may go on, is the objective.",
  signal: {
    kind: "burn-rate",
    slo: "delivery",
    by: ["role"],
    objective: "objective",
    minRate: "min_rate",
    reason:
      "A share of the messages over hours. A single scrape shows neither what the processes handed over before it nor all of the processes.",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason:
        "Two scrapes a minute apart. The windows do the rest: no share of a long window is passed by one slow minute.",
    },
    objective: {
      value: 0.995,
      unit: "ratio",
      reason:
        "Share of the messages within 30 s, which is one heartbeat interval (20 s) of an empty registry and the longest pause of a delivery worker before it tries a connection server again. A registry outage of two minutes makes 3 % of an hour’s messages late and is contained as planned; the fast page begins at 7.2 %, which is four minutes.",
    },
    min_rate: {
      value: 0.1,
      unit: "per_second",
      reason:
        "360 messages in the hour, of which 7.2 % are 26. With fewer, one person behind a bad network or one server’s wrong clock is the whole share.",
    },
  },
  summary: "{{ $value | humanizePercentage }} of the messages reached connected people later than 30 s",
  description:
    "{{ $value | humanizePercentage }} of the messages were handed over more than 30 s after they had been accepted and their recipient was connected; time that recipients were offline does not count. At this rate the month’s allowance of late messages is used up early.",
  userImpact:
    "People who are online get messages half a minute to hours late, often many at once, and answer to a conversation that has moved on.",
  containment: "None is lost: what is late has waited in pending_deliveries, in order.",
  aggravators: [
    "A restart of the connection servers: all their people reconnect, and each one’s messages take a detour through Postgres until the workers have been there.",
    "Fewer delivery workers than before the outage, or a longer idleMs: the burst is the time in which they are needed.",
    "Clocks of connection servers that run behind: the time of a connection looks earlier, and the delay longer, than they are.",
  ],
  normal:
    "Less than 0.1 % of redisops_delivery_delay_seconds is above 30 s; nearly all of it is below 0.1 s.",
  frequency:
    "After each registry outage or backlog of more than four minutes, when the late messages are handed over; as a ticket after about twenty minutes of delay in one day.",
  prevention:
    "A replica for the registry, heartbeats that enter lost connections again, and delivery workers that drain several times faster than messages come in.",
  topologies: {
    sentinel:
      "An unplanned failover takes the Sentinels’ down-after-milliseconds, 30 s unless set: at that setting each one makes a minute of messages late. 5 s keep it within the objective.",
    cluster:
      "One dead shard of six makes a sixth of the messages late: the page then comes after about 25 minutes of it.",
  },
  diagnosis: [
    {
      command: "redisops status --role registry",
      shows: ["registry  127.0.0.1:…  …", "…pending depth …"],
      branches: [
        {
          observed: "RegistryDown or RegistryCold holds",
          conclusion: "That is the cause, and its page is the one to follow.",
        },
        {
          observed: "state “ok”, and “oldest waits” falls between two calls",
          conclusion:
            "The burst after an outage is being handed over. The alert ends some minutes after the last late message; there is nothing to do but to find out why the outage was long.",
        },
        {
          observed: "PendingDeliveriesBacklog holds, or “pending depth” grows",
          conclusion:
            "The delivery workers do not keep up. Drain beside them with redisops recover pending; PendingDeliveriesBacklog has the rest.",
        },
        {
          observed: "state “ok”, “pending depth 0” or steady",
          conclusion:
            "Messages are late without having waited long in Postgres: connection servers acknowledge slowly (each attempt has a second), or their clocks differ. Compare their clocks and look at “pending-drained” on the board for deliveries that were refused.",
        },
      ],
    },
    {
      command: "redisops status --role postgres",
      shows: ["…connections … of …"],
      branches: [
        {
          observed: "“oldest transaction” of many minutes, or clients wait for PgBouncer",
          conclusion: "Postgres slows the drain. End that transaction; see PostgresPoolSaturated.",
        },
        {
          observed: "nothing unusual",
          conclusion: "More delivery workers are safe: each one takes 9 connections by default.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "What was late stays late. Only the cause can be ended, and it has a page of its own.",
    instead:
      "End RegistryDown, RegistryCold or PendingDeliveriesBacklog, whichever holds; redisops recover all plans it. While the burst lasts, drain beside the delivery workers with redisops recover pending --execute, or scale them out.",
    proof:
      'The share above 30 s of redisops_delivery_delay_seconds falls to 0 in the short window: redisops:slo_errors:ratio{slo="delivery",window="5m"}.',
    within: "5 minutes after the last late message for the fast page, 30 minutes for the slow one",
    rollback: "Scale the delivery workers back when nothing but messages for people who are offline waits.",
    whenItFails:
      "To drain faster, start redisops recover join <run> on further machines. If that does not help either, tell users that messages are delayed and not lost, and keep bulk senders off until the depth falls.",
  },
  drill: {
    kind: "lab",
    inject: ["kill --role delivery-worker --for 60s", "kill --role registry --for 20s"],
    alsoFires: {
      RegistryDown: "The registry is away for 20 s, so that messages wait for people who are connected.",
      RedisDown: "The same, by its cause.",
      RedisErrorRateHigh: "Calls of the registry fail meanwhile.",
      RegistryCold: "Killed, it comes back without its entries.",
      DegradedDecisionsBudgetBurn: "Those lookups are answered by a fallback.",
      PendingDeliveriesBacklog: "Those messages wait until the delivery workers are back.",
    },
    limits:
      "The alert compares with hours of traffic: on a lab that has run for some minutes the share is high at once, on one that has run for an hour it is not.",
  },
  inhibits: [],
  panels: ["delivery-delay", "delivery-delay-budget", "messages-held", "pending-drained"],
  scenarios: [
    {
      name: "a long backlog is handed over late",
      faults: handedOver({ minutes: 30, late: 0.4 }, { minutes: 60, late: 0 }),
      expect: [
        { at: "1m", firing: [] },
        { at: "6m", firing: [page, ticket] },
        { at: "29m", firing: [page, ticket] },
      ],
    },
    {
      name: "an outage of ten minutes: nothing is handed over, then everything at once",
      faults: handedOver(
        { minutes: 60, late: 0 },
        { minutes: 10, late: 0, perMinute: 0 },
        { minutes: 4, late: 0.75, perMinute: 200_000 },
        { minutes: 400, late: 0 },
      ),
      expect: [
        { at: "59m", firing: [] },
        { at: "69m", firing: [] },
        { at: "75m", firing: [page, ticket] },
        { at: "112m", firing: [ticket] },
        { at: "440m", firing: [] },
      ],
    },
    {
      name: "an outage of a minute is within the objective",
      faults: handedOver(
        { minutes: 120, late: 0 },
        { minutes: 1, late: 0, perMinute: 0 },
        { minutes: 1, late: 0.25, perMinute: 108_000 },
        { minutes: 10, late: 0 },
      ),
      expect: [
        { at: "124m", firing: [] },
        { at: "130m", firing: [] },
      ],
    },
    {
      name: "a platform at night: one message a minute, every fifth late",
      faults: handedOver({ minutes: 90, late: 0.2, perMinute: 5 }),
      expect: [
        { at: "30m", firing: [] },
        { at: "80m", firing: [] },
      ],
    },
    {
      name: "no process reports delays",
      faults: handedOver({ minutes: 90, late: 0 }).map((fault) => ({
        ...fault,
        runs: [{ value: "stale" as const, samples: 90 }],
      })),
      expect: [{ at: "80m", firing: [] }],
    },
  ],
  example: {
    labels: registry,
    summary: "40% of the messages reached connected people later than 30 s",
    description:
      "40% of the messages were handed over more than 30 s after they had been accepted and their recipient was connected; time that recipients were offline does not count. At this rate the month’s allowance of late messages is used up early.",
  },
};
