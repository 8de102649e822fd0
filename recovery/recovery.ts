import type { RecoveryName } from "../catalog/recoveries.ts";
import type { RedisRole } from "../catalog/roles.ts";
import type { Config } from "../core/config/schema.ts";
import type { RedisopsError } from "../core/errors.ts";
import type { OptionsOf } from "./options.ts";

/** A labelled line of a plan or a verification, ready to be read. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

/**
 * Something that a plan rests on. A text must still be the same when the plan is carried out; a number is a position
 * that only grows, and must not have fallen. When a pin of the target changes while a run is under way, or before it is
 * resumed, what the run has written may be gone: its checkpoints do not count any more. A changed pin of the source
 * makes a plan stale.
 */
export interface Pin {
  readonly of: "target" | "source";
  readonly label: string;
  readonly value: string | number;
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
  /** Why the operator has to name platform and role (`--confirm`) before this is carried out; one sentence. */
  readonly severe?: string;
  /** Number of items that will be handled, for the estimate of the duration. */
  readonly items: number;
  /** What execution needs; serialisable as JSON. */
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
export interface RecoveryContext<Name extends RecoveryName = RecoveryName> {
  readonly config: Config;
  /** The command's own options; with the plan in the journal, so that a resumed run has them as well. */
  readonly options: OptionsOf<Name>;
  /** Aborted when the run must stop at the next safe point; its reason is thrown then. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Called when a step has ended, well or not: no more progress of its phases will come. */
  readonly onStepEnd: () => void;
  /** Told in a sentence what the operator should know although the run goes on. */
  readonly onWarning: (message: string) => void;
}

/** A part of a run's work that one process at a time works on, such as a partition or a range of keys. */
export interface Chunk<Position = unknown> {
  readonly id: string;
  /** How far it was when it was last written down; undefined at its beginning. */
  readonly position: Position | undefined;
  /** Writes down how far it is; only what the target has acknowledged. Throws FENCED_OFF when it is another's by now. */
  checkpoint(position: Position): Promise<void>;
  /** Writes down that it is finished. Throws FENCED_OFF as above. */
  done(): Promise<void>;
}

/** The parts of a run's work, which several processes, also on several machines, may share. */
export interface Chunks {
  /** Lays down the parts. Those that a resumed run has already stay as they are. */
  layDown(ids: readonly string[]): Promise<void>;
  /** Takes a part that nobody works on, if there is one: one that nobody had yet, or whose process died. */
  claim<Position>(): Promise<Chunk<Position> | undefined>;
  /** Parts that are not finished, whoever works on them. */
  remaining(): Promise<number>;
}

/** A run under way: its identity, its journal, and what it has to ask before it writes. */
export interface Run {
  readonly id: string;
  /** Runs a step: journalled when it starts and when it ends, and a span of its own. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Runs a step that completes what is live already: neither an interruption nor a full disk prevents it. */
  finish<T>(name: string, work: () => Promise<T>): Promise<T>;
  /**
   * To be awaited before each batch of writes, with the number of its items: waits for the rate, and while the target
   * is under load. Throws when the run is to stop: interrupted, fenced off (another run has the role), a load above
   * the critical limit, or a journal that cannot be written.
   */
  pace(items: number): Promise<void>;
  /** What was last written down under a name; undefined in a new run, or when the target has lost what was written. */
  checkpoint<T>(name: string): T | undefined;
  /** Writes a value down, fsynced; only what the target has acknowledged. Serialisable as JSON. Not for each batch. */
  saveCheckpoint(name: string, value: unknown): Promise<void>;
  readonly chunks: Chunks;
}

/** One recovery: how it is planned, carried out and verified. */
export interface Recovery<Details = unknown, Name extends RecoveryName = RecoveryName> {
  readonly name: Name;
  readonly role: RedisRole;
  /** Whether it can do without Postgres, so that a lock in a file makes sense. */
  readonly needsPostgres: boolean;
  plan(context: RecoveryContext<Name>): Promise<Plan<Details>>;
  /** What a plan rests on at this moment. Asked for with each plan, before and after it is carried out. */
  pins(context: RecoveryContext<Name>): Promise<readonly Pin[]>;
  execute(context: RecoveryContext<Name>, plan: Plan<Details>, run: Run): Promise<void>;
  /**
   * Works on the run's chunks until none remains: the part of `execute` in which processes that have joined the run
   * take part. Missing where the work cannot be shared.
   */
  work?(context: RecoveryContext<Name>, plan: Plan<Details>, run: Run): Promise<void>;
  verify(context: RecoveryContext<Name>, plan: Plan<Details>): Promise<Verification>;
}
