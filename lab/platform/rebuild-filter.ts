import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { redisopsCommand } from "../checkout.ts";

const run = promisify(execFile);

/** Longest time for a rebuild of the lab's filter, in milliseconds; it takes some seconds. */
const deadlineMs = 60_000;

/** Rebuilds the filter from what was sent, by the command that on-call would run. Rejects with what it says. */
export async function rebuildFilter(configFile: string): Promise<void> {
  const [program, ...words] = redisopsCommand;
  await run(program, [...words, "recover", "bloom", "--execute", "--config", configFile], {
    timeout: deadlineMs,
  });
}
