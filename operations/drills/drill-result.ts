/** The parts of a drill, in their order; `rollback` is what undoes the faults, at the latest at the end. */
export const drillPhases = [
  "steady",
  "fault",
  "contain",
  "detect",
  "recover",
  "resolved",
  "steady-again",
  "rollback",
] as const;
export type DrillPhase = (typeof drillPhases)[number];

/** How an event begins that says that a fault holds no more. */
export const undone = "undone: ";

/** Something that happened; `at` is milliseconds since the drill began, as everywhere here. */
export interface DrillEvent {
  readonly at: number;
  readonly phase: DrillPhase;
  readonly what: string;
}

/** A line of a plot. */
export interface DrillSeries {
  readonly name: string;
  readonly unit: string;
  /** Milliseconds since the drill began, value. */
  readonly points: readonly (readonly [number, number])[];
}

/** How long an alert was pending or firing in Prometheus. */
export interface DrillAlertSpan {
  readonly state: "pending" | "firing";
  readonly from: number;
  readonly to: number;
}

/** An alert that was seen while the drill ran, or should have been. */
export interface DrillAlert {
  /** The alert's name: a mode of the catalog. */
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `required`: the drill's own mode; `allowed`: the catalog declares it a consequence; `unexpected`: neither. */
  readonly expected: "required" | "allowed" | "unexpected";
  /** In their order; none for a required alert that never came. */
  readonly spans: readonly DrillAlertSpan[];
  /** When the first notification about it came from Alertmanager. */
  readonly notifiedAt?: number;
  /** Whether Alertmanager held its notification back because of an alert that inhibits it. */
  readonly inhibited?: boolean;
}

/** A command that was run to end the mode. */
export interface DrillRecovery {
  readonly command: string;
  readonly from: number;
  readonly to: number;
  readonly exitCode: number;
}

/** Seconds since the fault; null where it did not come about, or where the drill has nothing of the kind. */
export interface DrillSeconds {
  /** Until the last of the required alerts fires, on the drill's clocks: see `DrillResult.clocks`. */
  readonly detect: number | null;
  /** Until a fallback was seen to answer in the server's place. */
  readonly contain: number | null;
  /** From the first step of the recovery until no required alert fires any more. */
  readonly recover: number | null;
  /** From the beginning of the drill to its end, the checks of the steady state included. */
  readonly total: number;
}

/** How a mode's alert waits in the catalog, and how it waited here. */
export interface DrillClock {
  readonly mode: string;
  /** The alert's `for`, in seconds: as the catalog has it, and as the drill's rules have it. */
  readonly catalogFor: number;
  readonly drillFor: number;
}

/** What a drill has found, as JSON. */
export interface DrillResult {
  readonly drill: string;
  readonly modes: readonly string[];
  readonly target: string;
  readonly seed: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly passed: boolean;
  /** What was not as it should be; empty exactly when the drill passed. */
  readonly problems: readonly string[];
  readonly events: readonly DrillEvent[];
  /** Decisions per second by their kind, from the applications' counters. */
  readonly decisions: readonly DrillSeries[];
  readonly alerts: readonly DrillAlert[];
  readonly recoveries: readonly DrillRecovery[];
  readonly seconds: DrillSeconds;
  /** Alerts wait for less in a drill than in production, so that time to detect is on these clocks. */
  readonly clocks: readonly DrillClock[];
  /** Messages that were accepted and are nowhere; null where the target keeps no books. */
  readonly messagesLost: number | null;
  /** Notifications that were sent twice. */
  readonly duplicates: number | null;
  /** Notifications that were sent against an opt-out. */
  readonly exposures: number | null;
  readonly versions: Readonly<Record<string, string>>;
}

/** What `redisops drill run --json` prints. */
export interface DrillRunResult {
  readonly target: string;
  /** From it the order of the drills follows. */
  readonly seed: number;
  readonly startedAt: string;
  /** From the start of the target to its end. */
  readonly totalSeconds: number;
  /** The file that says what was done, step by step. */
  readonly journal: string;
  readonly passed: boolean;
  /** Whether it was interrupted, so that some drills are missing. */
  readonly interrupted: boolean;
  readonly drills: readonly DrillResult[];
}
