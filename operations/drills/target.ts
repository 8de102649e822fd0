import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import type { Drill } from "./drill.ts";

/** A fault that holds. */
export interface CausedFault {
  /** What was done, as a sentence. */
  readonly what: string;
  /** Ends it, if nothing else has. */
  undo(): Promise<void>;
}

/** A fault that a target can be given. */
export interface DrillFault {
  /** What is about to be done, for the journal: it is written down before. */
  readonly what: string;
  /** How a person undoes it when this process is killed. */
  readonly byHand: string;
  cause(): Promise<CausedFault>;
}

/** What a platform has counted of what must not get lost, since it started; null where it keeps no such book. */
export interface DrillBooks {
  readonly messagesLost: number | null;
  readonly outOfOrder: number | null;
  /** Notifications that are in none of the states in which one can be. */
  readonly unaccounted: number | null;
  readonly duplicates: number | null;
  readonly exposures: number | null;
}

/** A notification that Alertmanager has sent: to whom, when (milliseconds since the epoch), and the alerts that it says fire. */
export interface DrillNotification {
  readonly receivedAt: number;
  readonly receiver: string;
  readonly firing: readonly Readonly<Record<string, string>>[];
}

/** How a command ended. */
export interface CommandOutcome {
  /** The exit code; null where a signal ended it. */
  readonly code: number | null;
  /** All that it wrote, to stdout and stderr, as it came. */
  readonly output: string;
}

/** A platform that drills are run on. */
export interface DrillTarget {
  readonly name: string;
  readonly prometheus: string;
  /** Undefined where nobody knows: then what is notified and inhibited is not checked. */
  readonly alertmanager: string | undefined;
  /** What the alert rules there have of thresholds in place of the catalog's. */
  readonly thresholds: ThresholdOverrides;
  /** Window over which decisions are rated, some scrapes long, as PromQL writes it. */
  readonly rateWindow: string;
  /** Longest wait for a drill's alerts to fire, and to end, in milliseconds; the engine's own where it is missing. */
  patience?(drill: Drill): number;
  /** What it runs on, by name. */
  versions(): Promise<Readonly<Record<string, string>>>;
  /** The faults of a drill in their order. Throws a RedisopsError for one that this target is not given. */
  faultsOf(drill: Drill): readonly DrillFault[];
  /** Drills of one lane follow one another; lanes run beside one another, `alone` after them. */
  laneOf(drill: Drill): string;
  /** Whether a series with these labels may come from a drill's faults: other roles' may come from another lane's. */
  concerns(drill: Drill, labels: Readonly<Record<string, string>>): boolean;
  /** What a drill needs and is not there yet, in words; undefined when it can begin. */
  notReady?(drill: Drill): Promise<string | undefined>;
  /** The books of a drill as they are now, those that its lane changes; undefined while they cannot be had. */
  books(drill: Drill): Promise<DrillBooks | undefined>;
  /** Every notification since the target started; undefined where nobody receives them. */
  notifications(): readonly DrillNotification[] | undefined;
  /** Runs a command of a page, `redisops …`, on this target. */
  run(command: string, signal: AbortSignal | undefined): Promise<CommandOutcome>;
  /** Lets others see that a drill runs; what it answers tells them how it ended. Neither rejects. */
  announce?(drill: Drill): Promise<(outcome: "succeeded" | "failed" | "interrupted") => Promise<void>>;
  /** What on-call would still do after a drill, such as filling a filter with what was sent meanwhile. */
  settle?(drill: Drill): Promise<void>;
}
