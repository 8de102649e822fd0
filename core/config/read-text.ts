import { isUtf8 } from "node:buffer";
import { closeSync, constants, openSync, readSync } from "node:fs";
import type { ConfigProblem } from "./config-problem.ts";

/** Larger files are refused; a real configuration has some kilobytes. */
export const maxConfigBytes = 1_048_576;

/** Longest wait for a pipe's writer, in milliseconds; the process does nothing else meanwhile. */
const pipePatience = 10_000;
/** Milliseconds between two looks at a pipe. */
const pipePause = 10;

/** As readSync, of a file that was opened without blocking: waits a while for a pipe that has nothing yet. */
function readSoon(file: number, buffer: Buffer, offset: number, until: number): number {
  for (;;) {
    try {
      return readSync(file, buffer, offset, buffer.length - offset, null);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      if (performance.now() > until) throw new Error("it is a pipe whose writer does not get to an end");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pipePause);
    }
  }
}

/**
 * Reads a file up to one byte over the limit, so that a device or a pipe without an end does no harm. Throws what the file
 * system throws.
 */
export function readBounded(path: string): Buffer {
  // To open a pipe that nobody writes to would else wait for ever, and hold up every scrape.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const until = performance.now() + pipePatience;
  try {
    const buffer = Buffer.alloc(maxConfigBytes + 1);
    let length = 0;
    let read = -1;
    while (read !== 0 && length < buffer.length) {
      read = readSoon(file, buffer, length, until);
      length += read;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** Why a file is no text that a configuration could be. */
export interface TextProblem extends ConfigProblem {
  readonly kind: "size" | "encoding";
}

/**
 * The text of a configuration file, or why it has none. Throws what the file system throws when it cannot be read.
 */
export function readText(path: string): string | TextProblem {
  const bytes = readBounded(path);
  if (bytes.length > maxConfigBytes) {
    const message = `longer than ${maxConfigBytes} bytes; this is not a redisops configuration`;
    return { kind: "size", line: 1, column: 1, path: "", message };
  }
  const lossy = bytes.toString("utf8");
  const stops = [lossy.indexOf("\0"), isUtf8(bytes) ? -1 : lossy.indexOf("\uFFFD")].filter((at) => at >= 0);
  if (stops.length === 0) return lossy.replace(/^\uFEFF/, "");
  const before = lossy.slice(0, Math.min(...stops)).split("\n");
  const place = { line: before.length, column: (before.at(-1) ?? "").length + 1, path: "" };
  return { kind: "encoding", ...place, message: "not text in UTF-8 from here on" };
}
