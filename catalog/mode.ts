import type { BoardId } from "./boards.ts";
import type { HistogramSeriesName, LabelName, MetricName } from "./metrics.ts";
import type { Role } from "./roles.ts";
import type { Signal } from "./signal.ts";

/** A number that decides when an alert fires, with its reason. Overridable in redisops.yaml under `thresholds.<mode>`. */
export interface Threshold {
  /** A duration such as `1m`, or a number in the given unit. */
  readonly value: string | number;
  readonly unit: "duration" | "ratio" | "factor" | "count" | "per_second";
  readonly reason: string;
}

export interface DiagnosisBranch {
  /** What the command shows. */
  readonly observed: string;
  /** What follows from it, and what to do. */
  readonly conclusion: string;
}

/** A command to run and the branches on what it shows. */
export interface DiagnosisStep {
  readonly command: string;
  /**
   * Lines that the command prints in the state that the mode's drill brings about, in their order, others may be
   * between them. `…` stands for what differs from run to run. Checked against the lab in CI.
   */
  readonly shows: readonly string[];
  readonly branches: readonly DiagnosisBranch[];
}

/** What ends the mode: a `redisops recover` command, or the reason why there is none and what to do instead. */
export type Remedy =
  | {
      readonly kind: "command";
      readonly command: string;
      /** What has to be done before the command can help, if anything. */
      readonly first?: string;
      /** What the plan, and then the run, print after the mode's drill: as `DiagnosisStep.shows`. */
      readonly planShows: readonly string[];
      readonly executeShows: readonly string[];
      /** Which metric moves, and how far, when it worked. */
      readonly proof: string;
      readonly within: string;
      readonly rollback: string;
      readonly whenItFails: string;
    }
  | {
      readonly kind: "none";
      readonly reason: string;
      readonly instead: string;
      readonly proof: string;
      readonly within: string;
      readonly rollback: string;
      readonly whenItFails: string;
    };

/** How the mode is brought about on the lab, and how that is undone. */
export type Drill =
  | {
      readonly kind: "lab";
      /** Arguments of `redisops lab inject`, one fault after the other. `redisops lab inject heal` undoes them. */
      readonly inject: readonly string[];
      /** What the lab cannot show of it, if anything. */
      readonly limits?: string;
      /**
       * Modes whose alerts the faults may bring about beside, with the reason, by their ids. What the mode inhibits is
       * expected anyway; any other alert fails the drill.
       */
      readonly alsoFires?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "none"; readonly reason: string };

/** A metric that leaves its healthy value: `samples` one interval apart, starting at time 0. */
export interface FaultSeries {
  readonly metric: MetricName | HistogramSeriesName | "up";
  readonly labels: Readonly<Partial<Record<LabelName | "job" | "instance" | "le", string>>>;
  /** Runs of equal samples; a counter's run gives its increase per interval instead. */
  readonly runs: readonly { readonly value: number | "stale"; readonly samples: number }[];
}

/** Firing and silent moments of all alerts while the given series leave their healthy values. */
export interface AlertScenario {
  readonly name: string;
  readonly faults: readonly FaultSeries[];
  /**
   * Ids of the modes that fire at that time; all others must be silent. The Watchdog is implied. A mode whose signal is
   * a burn rate says with which severities: `DegradedDecisionsBudgetBurn:page`, `DegradedDecisionsBudgetBurn:ticket`.
   */
  readonly expect: readonly { readonly at: string; readonly firing: readonly string[] }[];
}

/** What the alert says for the first firing moment of the first scenario, written by hand. */
export interface AlertExample {
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly description: string;
}

/** One way in which a platform that depends on Redis degrades. Its id is the alert's name and the runbook's file name. */
export interface DegradationMode {
  readonly id: string;
  readonly title: string;
  /** `any` where the alert's own label names the role. */
  readonly role: Role | "any";
  /** The board that on-call should look at first. */
  readonly board: BoardId;
  /** `page` wakes somebody, `ticket` waits for the morning, `none` is never shown. */
  readonly severity: "page" | "ticket" | "none";
  /** Whether users feel it (symptom) or it leads to what they feel (cause). */
  readonly nature: "symptom" | "cause" | "heartbeat";
  /** The platform's documented behaviour that this mode stands for, in own words. */
  readonly origin: string;
  readonly signal: Signal;
  readonly thresholds: Readonly<Record<string, Threshold>> & { readonly for: Threshold };
  /** Prometheus templates of the alert's annotations. */
  readonly summary: string;
  readonly description: string;
  readonly userImpact: string;
  readonly containment: string;
  readonly aggravators: readonly string[];
  readonly normal: string;
  readonly frequency: string;
  readonly prevention: string;
  /** What is different where the role runs on this topology; left out where nothing is. */
  readonly topologies: Readonly<Partial<Record<"standalone" | "sentinel" | "cluster", string>>>;
  readonly diagnosis: readonly DiagnosisStep[];
  readonly remedy: Remedy;
  readonly drill: Drill;
  /** Modes of the same role that this one causes and therefore silences while it fires. */
  readonly inhibits: readonly string[];
  /** Ids of the dashboard panels that show it. */
  readonly panels: readonly string[];
  readonly scenarios: readonly AlertScenario[];
  readonly example: AlertExample;
}
