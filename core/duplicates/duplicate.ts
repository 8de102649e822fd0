/** A notification that went out more than once. */
export interface Duplicate {
  readonly notification_id: string;
  /** How often it was sent. */
  readonly sends: number;
  /** When it was sent first and last, in ISO 8601. */
  readonly first_at: string;
  readonly last_at: string;
}

/** Which sends are looked at; milliseconds since 1970. */
export interface DuplicateSpan {
  /** What was sent again from this moment on … */
  readonly from: number;
  /** … and before this one is listed, … */
  readonly to: number;
  /** … if it was sent before within so many milliseconds before `from`, or later. */
  readonly window: number;
}

/** What was looked through. */
export interface DuplicateTotals {
  /** Sends in the span, and in the window before it. */
  readonly examined: number;
  /** Records that have no id. */
  readonly without_id: number;
}

/** Takes what was found, in the order of the first send and then of the id. */
export type TakeDuplicates = (found: readonly Duplicate[]) => Promise<void> | void;

/** An ISO 8601 time. */
export const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();
