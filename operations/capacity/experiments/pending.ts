import type { Experiment } from "../failure.ts";
import { simulatePending } from "../simulation/pending.ts";

/** The platform as far as its messages go. Rates are per second. */
export interface MessagesPlatform {
  /** Messages for people who are connected. */
  readonly messages: number;
  readonly recipients: number;
  readonly outageSeconds: number;
  readonly drain: number;
}

/** What became of the backlog. */
export interface BacklogOutcome {
  /** Undefined when it did not end. */
  readonly drainSeconds: number | undefined;
  /** Messages that were sent after the registry's return and waited behind older ones. */
  readonly joined: number;
  readonly experiment: Experiment;
}

/** Messages of the outage that are simulated, about. */
const budget = 200_000;
/** A backlog counts as one that does not end after so many times the outage. */
const patience = 20;

/** The registry gives no answer, then does again: what waits is drained while new messages come. */
export function registryDown(platform: MessagesPlatform, seed: number): BacklogOutcome {
  const { messages, recipients, outageSeconds, drain } = platform;
  const share = Math.min(1, budget / (messages * outageSeconds));
  const { points, drainSeconds, joined } = simulatePending({
    seed,
    messagesPerSecond: messages * share,
    recipients: recipients * share,
    outageSeconds,
    drainPerSecond: drain * share,
    giveUpSeconds: patience * outageSeconds,
  });
  return {
    drainSeconds,
    joined: joined / share,
    experiment: {
      id: "registry-down",
      seed,
      scale:
        share === 1
          ? "the whole platform"
          : `one of ${Math.round(1 / share).toLocaleString("en-US")} messages and people`,
      plot: {
        title: "Registry down: messages that wait",
        x: { label: "time since the failure, s" },
        y: { label: "messages for connected people" },
        series: [
          {
            name: "pending_deliveries",
            points: points.map(({ at, waiting }) => [at, waiting / share] as const),
          },
        ],
        marks: [{ at: outageSeconds, label: "the registry is back" }],
      },
    },
  };
}
