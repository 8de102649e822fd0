import { type ErrorCodeName, errorCodes, exitCodes } from "./error-codes.ts";

interface ErrorDetails {
  /** What it happened to, such as `dedup Redis at 127.0.0.1:6380`. Never a secret. */
  readonly target?: string | undefined;
  /** What to do next; the code's own advice when left out. */
  readonly next?: string | undefined;
  /** The run that stopped half-way and can be resumed: decides the exit code, and is added to what to do next. */
  readonly resume?: string | undefined;
  readonly cause?: unknown;
}

/** The JSON form of an error, printed on stdout by `--json`. */
export interface ErrorReport {
  readonly code: ErrorCodeName;
  readonly message: string;
  readonly target?: string;
  readonly next: string;
  /** The run that stopped half-way and can be resumed. */
  readonly resume?: string;
}

/** An error that is meant for the reader: what happened, to which target, and what to do next. */
export class RedisopsError extends Error {
  override readonly name = "RedisopsError";
  readonly code: ErrorCodeName;
  readonly target: string | undefined;
  readonly next: string;
  readonly resume: string | undefined;

  constructor(code: ErrorCodeName, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.target = details.target;
    this.resume = details.resume;
    const next = details.next ?? errorCodes[code].next;
    this.next =
      details.resume === undefined ? next : `${next} To go on: redisops recover resume ${details.resume}`;
  }

  get exitCode(): number {
    const { exitCode } = errorCodes[this.code];
    return this.resume !== undefined && exitCode === exitCodes.failed ? exitCodes.resumable : exitCode;
  }

  toJSON(): ErrorReport {
    return {
      code: this.code,
      message: this.message,
      ...(this.target === undefined ? {} : { target: this.target }),
      next: this.next,
      ...(this.resume === undefined ? {} : { resume: this.resume }),
    };
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Anything that was thrown, as an error for the reader; what redisops did not foresee becomes INTERNAL. */
export function toRedisopsError(error: unknown): RedisopsError {
  if (error instanceof RedisopsError) return error;
  return new RedisopsError("INTERNAL", messageOf(error), { cause: error });
}
