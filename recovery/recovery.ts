import type { RecoveryName } from "../catalog/recoveries.ts";
import type { RedisRole } from "../catalog/roles.ts";
import type { Config } from "../core/config/schema.ts";
import type { RedisopsError } from "../core/errors.ts";

/** A labelled line of a plan or a verification, ready to be read. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

/** What a recovery would do. Making a plan changes nothing. */
export interface Plan<Details = unknown> {
  readonly target: string;
  /** What was found: source, sizes, the live state. */
  readonly facts: readonly Fact[];
  readonly steps: readonly string[];
  readonly risks: readonly string[];
  /** False when there is nothing to do. */
  readonly hasChanges: boolean;
  /** Why the recovery must not be executed as things stand. */
  readonly refusal?: RedisopsError;
  /** Number of items that will be handled, for the estimate of the duration. */
  readonly items: number;
  /** What execution needs; serialisable. */
  readonly details: Details;
}

/** Whether the recovery did what it is for, with the figures that show it. */
export interface Verification {
  readonly holds: boolean;
  readonly facts: readonly Fact[];
  readonly figures: Readonly<Record<string, number>>;
}

/** How far the current phase is. `total` is missing where it is not known. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
}

/** What a recovery works with. */
export interface RecoveryContext {
  readonly config: Config;
  /** Aborted when the run must stop at the next safe point; its reason is thrown then. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Called when a step has ended, well or not: no more progress of its phases will come. */
  readonly onStepEnd: () => void;
  /** Told in a sentence what the operator should know although the run goes on. */
  readonly onWarning: (message: string) => void;
}

/** A run under way: its identity, and its journal. */
export interface Run {
  readonly id: string;
  /** Runs a step: journalled when it starts and when it ends, and a span of its own. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Runs a step that completes what is live already: neither an interruption nor a full disk prevents it. */
  finish<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** One recovery: how it is planned, carried out and verified. */
export interface Recovery<Details = unknown> {
  readonly name: RecoveryName;
  readonly role: RedisRole;
  plan(context: RecoveryContext): Promise<Plan<Details>>;
  execute(context: RecoveryContext, plan: Plan<Details>, run: Run): Promise<void>;
  verify(context: RecoveryContext, plan: Plan<Details>): Promise<Verification>;
}

/** What each recovery is for; the keys are the names under which the CLI knows them. */
export const recoveryPurposes: Readonly<Record<RecoveryName, string>> = {
  bloom: "Rebuild the deduplication filter from the notifications that Postgres has as sent",
  "token-buckets": "Fill the token bucket of every provider account",
};
