/** An id from the conversation's counter. */
export interface SequenceId {
  readonly kind: "sequence";
  /** Place in the conversation: 1 for its first message, higher for every later one, not without gaps. */
  readonly sequence: number;
  /**
   * Milliseconds since 1970 by the clock of the counter's Redis, or later where this process has already given a later id. Never
   * falls while the sequence rises within one process; between processes as far as the clocks agree.
   */
  readonly timestampMs: number;
  /** The form to store; see {@link parseMessageId}. */
  readonly text: string;
}

/** An id that was given while the counter was away. */
export interface TimestampId {
  readonly kind: "timestamp";
  /** Milliseconds since 1970 by the clock of the process that gave it. */
  readonly timestampMs: number;
  /** Random, of fixed length; rises within one millisecond of one process. */
  readonly suffix: string;
  /** The form to store; see {@link parseMessageId}. */
  readonly text: string;
}

/** The id of a message, unique within its conversation. */
export type MessageId = SequenceId | TimestampId;

const timestampDigits = 13;
const sequenceDigits = 16;
const suffixDigits = 10;
/** Suffixes are numbers below this one, in base 36: just under 52 bits, so that a double holds them exactly. */
const suffixes = 36 ** suffixDigits;

const form = new RegExp(
  `^(\\d{${timestampDigits}})-(?:s(\\d{${sequenceDigits}})|t([0-9a-z]{${suffixDigits}}))$`,
);

/** An id of the given place and time. */
export function sequenceId(sequence: number, timestampMs: number): SequenceId {
  const place = String(sequence).padStart(sequenceDigits, "0");
  return { kind: "sequence", sequence, timestampMs, text: `${formatTime(timestampMs)}-s${place}` };
}

/** An id of the given time, made unique by the number, see {@link randomSuffix}. */
export function timestampId(timestampMs: number, suffixNumber: number): TimestampId {
  return withSuffix(timestampMs, suffixNumber.toString(36).padStart(suffixDigits, "0"));
}

/** A random number for {@link timestampId}, from the lower half so that there is always room to count on from it. */
export function randomSuffix(): number {
  return Math.floor((Math.random() * suffixes) / 2);
}

/**
 * Reads an id's stored form, `<milliseconds>-s<sequence>` or `<milliseconds>-t<suffix>`, all of fixed length: `s` before
 * `t` makes the order of the texts the order of the ids, in SQL and in any language. Answers undefined for anything else.
 */
export function parseMessageId(text: string): MessageId | undefined {
  const [, time, place, suffix] = form.exec(text) ?? [];
  if (time === undefined) return undefined;
  if (suffix !== undefined) return withSuffix(Number(time), suffix);
  const sequence = Number(place);
  return Number.isSafeInteger(sequence) ? sequenceId(sequence, Number(time)) : undefined;
}

/**
 * The one order of a conversation's messages, whatever the kinds of their ids: by time; within a millisecond first the
 * ids of the counter, then the others; then by sequence or suffix. Negative when `a` comes first, 0 for the same id.
 */
export function compareMessageIds(a: MessageId, b: MessageId): number {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs - b.timestampMs;
  if (a.kind === "sequence") return b.kind === "sequence" ? a.sequence - b.sequence : -1;
  if (b.kind === "sequence") return 1;
  if (a.suffix === b.suffix) return 0;
  return a.suffix < b.suffix ? -1 : 1;
}

function withSuffix(timestampMs: number, suffix: string): TimestampId {
  return { kind: "timestamp", timestampMs, suffix, text: `${formatTime(timestampMs)}-t${suffix}` };
}

function formatTime(timestampMs: number): string {
  return String(timestampMs).padStart(timestampDigits, "0");
}
