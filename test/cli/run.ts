import { expect } from "vitest";
import { type Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";

/** Runs the real CLI to its end, with nothing of this process's environment but PATH. */
export function run(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Outcome> {
  return new RedisopsChild(words, { PATH: process.env.PATH, ...env }).outcome;
}

/** An error of `--json` as it is printed. */
export interface PrintedError {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly problems?: readonly Readonly<Record<string, unknown>>[];
}

/** The error on stdout, which must be one JSON document and nothing else; stderr must be silent. */
export function printedError({ stdout, stderr }: Outcome): PrintedError {
  expect(stderr).toBe("");
  const document = JSON.parse(stdout) as { error: PrintedError };
  expect(Object.keys(document)).toEqual(["error"]);
  expect(document.error.next).not.toBe("");
  return document.error;
}
