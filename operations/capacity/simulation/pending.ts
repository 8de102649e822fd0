import { exponential, seededRandom } from "../../../core/seeded-random.ts";

/** Messages that wait while the registry is away, and are handed over afterwards. */
export interface PendingScenario {
  readonly seed: number;
  /** Messages a second for people who are connected; they come at random. */
  readonly messagesPerSecond: number;
  /** People whom the messages are for, each as often as the other. */
  readonly recipients: number;
  readonly outageSeconds: number;
  /** Messages a second that are handed over once the registry is back. */
  readonly drainPerSecond: number;
  /** Seconds after which the backlog counts as one that does not end. */
  readonly giveUpSeconds: number;
}

/** How many messages wait, at a moment. */
export interface PendingPoint {
  /** Seconds since the registry went away. */
  readonly at: number;
  readonly waiting: number;
}

/** What became of the backlog. */
export interface PendingOutcome {
  readonly points: readonly PendingPoint[];
  /** Seconds from the registry's return to an empty backlog; undefined when it did not end. */
  readonly drainSeconds: number | undefined;
  /** Messages that were sent after the registry's return and waited all the same, behind older ones of their recipient. */
  readonly joined: number;
}

/** Points of the curve. */
const resolution = 120;

/**
 * The backlog by the routers' rule: a message for somebody for whom others wait joins them, so that the order is kept.
 * The drain takes the oldest first.
 */
export function simulatePending(scenario: PendingScenario): PendingOutcome {
  const { messagesPerSecond, outageSeconds, drainPerSecond } = scenario;
  const random = seededRandom(scenario.seed);
  const waitingOf = new Uint32Array(Math.max(1, Math.round(scenario.recipients)));
  const queue: number[] = [];
  const points: PendingPoint[] = [];
  const every = outageSeconds / (resolution / 4);
  let head = 0;
  let joined = 0;
  let nextArrival = exponential(1 / messagesPerSecond, random);
  let nextDrain = outageSeconds;
  let nextPoint = 0;
  let now = 0;
  while (now < outageSeconds || head < queue.length) {
    now = Math.min(nextArrival, nextDrain);
    for (; nextPoint <= now && points.length < 4 * resolution; nextPoint += every) {
      points.push({ at: nextPoint, waiting: queue.length - head });
    }
    if (now > outageSeconds + scenario.giveUpSeconds) return { points, drainSeconds: undefined, joined };
    if (nextArrival <= nextDrain) {
      nextArrival += exponential(1 / messagesPerSecond, random);
      const recipient = Math.floor(random() * waitingOf.length);
      const behind = (waitingOf[recipient] ?? 0) > 0;
      if (now >= outageSeconds && !behind) continue;
      if (now >= outageSeconds) joined += 1;
      waitingOf[recipient] = (waitingOf[recipient] ?? 0) + 1;
      queue.push(recipient);
    } else {
      nextDrain += 1 / drainPerSecond;
      const recipient = queue[head];
      if (recipient === undefined) continue;
      head += 1;
      waitingOf[recipient] = (waitingOf[recipient] ?? 1) - 1;
    }
  }
  points.push({ at: now, waiting: 0 });
  return { points, drainSeconds: now - outageSeconds, joined };
}
