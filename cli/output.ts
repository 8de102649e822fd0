import { styleText } from "node:util";
import { RedisopsError, toRedisopsError } from "../core/errors.ts";
import { clearWaitingLine } from "./waiting-line.ts";

/**
 * Lets the process go on when whoever reads its output has gone, as `head` does: a recovery must not stop half-way for
 * want of a reader.
 */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** Writes a line of data to stdout. */
export function print(line = ""): void {
  clearWaitingLine();
  process.stdout.write(`${line}\n`);
}

/** Writes a line about what is going on to stderr. */
export function note(line: string): void {
  clearWaitingLine();
  process.stderr.write(`${line}\n`);
}

/** Prints data as one JSON document. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

type Style = Parameters<typeof styleText>[0];

/** Styles text for stdout; plain where it is no terminal or NO_COLOR is set. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Tells the reader what went wrong and what to do next. Returns the exit code. */
export function reportError(error: unknown, json: boolean): number {
  const known = toRedisopsError(error);
  if (json) printJson({ error: known.toJSON() });
  else {
    note(`${styleText("red", `error ${known.code}`, { stream: process.stderr })}  ${known.message}`);
    note(`  next: ${known.next}`);
  }
  if (process.env.REDISOPS_DEBUG === "1") {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      note(cause.stack ?? String(cause));
  }
  return known instanceof RedisopsError ? known.exitCode : 1;
}

/** Label and value pairs as aligned lines. */
export function aligned(
  facts: readonly { readonly label: string; readonly value: string }[],
  indent = "  ",
): string[] {
  const width = Math.max(0, ...facts.map(({ label }) => label.length));
  return facts.map(({ label, value }) => `${indent}${label.padEnd(width)}  ${value}`);
}
