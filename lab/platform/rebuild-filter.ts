import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { exitCodes } from "../../core/error-codes.ts";
import { redisopsCommand } from "../checkout.ts";

const run = promisify(execFile);

/** Longest time for a rebuild of the lab's filter, in milliseconds; it takes some seconds. */
const deadlineMs = 60_000;
/** A rebuild is verified with ids that are a minute old, which a lab that has just started does not have. */
const youngMs = 90_000;
const intervalMs = 5_000;

/** Rebuilds the filter from what was sent, by the command that on-call would run. Rejects with what it says. */
export async function rebuildFilter(configFile: string): Promise<void> {
  const [program, ...words] = redisopsCommand;
  const command = [...words, "recover", "bloom", "--execute", "--config", configFile];
  for (const end = performance.now() + youngMs; ; await delay(intervalMs)) {
    try {
      await run(program, command, { timeout: deadlineMs });
      return;
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (code !== exitCodes.verificationFailed || performance.now() > end) throw error;
    }
  }
}
