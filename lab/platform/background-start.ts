import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCodeName, errorCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { checkout } from "../checkout.ts";
import type { RateChange } from "./settings.ts";
import { isSupervised, labFiles, logFileOf, readState } from "./state-file.ts";

/** What a start in the background needs. */
export interface BackgroundOptions {
  readonly name: string;
  readonly rates: RateChange;
  /** Told what the supervisor says, line by line. */
  readonly say: (line: string) => void;
  /** Ends the lab before it is up. */
  readonly signal: AbortSignal;
}

const pollMs = 200;

/**
 * Starts a lab that outlives this process, and waits until it is up.
 *
 * @throws RedisopsError LAB_RUNNING when there is one of this name; what the supervisor says when it fails; the signal's
 *   reason when that ends the start, after which nothing is left.
 */
export async function startInBackground(options: BackgroundOptions): Promise<void> {
  const { name, rates, say, signal } = options;
  const files = labFiles(name);
  const before = readState(files);
  if (before !== undefined && isSupervised(before)) {
    throw new RedisopsError("LAB_RUNNING", `The lab ${name} is already there`);
  }
  const logFile = logFileOf(files);
  const log = openSync(logFile, "w", 0o600);
  const program = join(checkout, "lab", "platform", "background.ts");
  const child = spawn(process.execPath, [program, name, JSON.stringify(rates), logFile], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const ended = once(child, "exit");
  let told = 0;
  const tellNews = () => {
    const lines = readFileSync(logFile, "utf8").split("\n").slice(0, -1);
    for (const line of lines.slice(told)) if (!line.startsWith("{")) say(line);
    told = lines.length;
    return lines;
  };

  for (;;) {
    if (signal.aborted) {
      child.kill("SIGTERM");
      await ended;
      rmSync(logFile, { force: true });
      throw signal.reason;
    }
    const lines = tellNews();
    if (child.exitCode !== null || child.signalCode !== null) throw failure(name, lines, logFile);
    const state = readState(files);
    if (state?.phase === "up" && state.supervisor.pid === child.pid) break;
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
  tellNews();
  child.unref();
}

function failure(name: string, lines: readonly string[], log: string): RedisopsError {
  const last = lines.findLast((line) => line.startsWith("{"));
  if (last === undefined) {
    return new RedisopsError("LAB_FAILED", `The lab ${name} ended while it started`, {
      next: `Read ${log}.`,
    });
  }
  const { error } = JSON.parse(last) as { error: { code: string; message: string; next: string } };
  rmSync(log, { force: true }); // it is told
  const code = error.code in errorCodes ? (error.code as ErrorCodeName) : "LAB_FAILED";
  return new RedisopsError(code, error.message, { next: error.next });
}
