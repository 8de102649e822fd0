import type { FilterId } from "../../core/filter/filter.ts";
import type { OnId } from "../../core/postgres/copy-tuples.ts";
import type { Fact, Pin } from "../recovery.ts";
import type { Part } from "./part.ts";

/** Takes ids. */
export interface IdHandlers {
  /** Called for each id; the bytes are valid during the call only. */
  readonly onId: OnId;
  /** Called often with the number of ids so far. While a promise it returned is pending nothing more is read. */
  readonly onRead: (ids: number) => void | Promise<void>;
}

/** How much a source holds. */
export interface SourceSize {
  readonly ids: number;
  /** Whether that was counted; otherwise it is an estimate. */
  readonly exact: boolean;
  /** Whether an id may be there more than once, so that the number is an upper bound of distinct ids. */
  readonly repeats: boolean;
}

/** A durable record of what was sent. Positions are values that survive as JSON. Rejects with RedisopsErrors. */
export interface IdSource<Begin = unknown> {
  readonly name: "postgres" | "kafka";
  /** What it is, such as `Postgres notifications.id`. */
  readonly title: string;
  /** How much of the window it holds, within a few seconds. */
  size(): Promise<SourceSize>;
  /** Further facts and risks for the plan. */
  notes(): Promise<{ readonly facts: readonly Fact[]; readonly risks: readonly string[] }>;
  pins(): Promise<readonly Pin[]>;
  /** Where the window begins, and where catching up with what is sent meanwhile begins. */
  begin(): Promise<Begin>;
  /** Divides the window into parts: so many, or as many as its size suggests. */
  parts(begin: Begin, wanted: number | undefined): Promise<readonly PartRange[]>;
  /** Reads a part. Answers how many ids. */
  read(part: Part, handlers: IdHandlers, signal?: AbortSignal): Promise<number>;
  /** Reads what was sent since `begin` was asked for, and what may not have been visible then. */
  readLatest(begin: Begin, handlers: IdHandlers, signal?: AbortSignal): Promise<number>;
  /** Draws ids that are known to have been sent and were to be read by a run that began then; now when left out. */
  sample(count: number, begin?: Begin): Promise<readonly FilterId[]>;
  close(): Promise<void>;
}

/** A part without what the run adds to it. */
export type PartRange = Part extends infer Each
  ? Each extends Part
    ? Omit<Each, "generation" | "method">
    : never
  : never;
