import { spawn } from "node:child_process";
import { dirname } from "node:path";
import type { CommandOutcome } from "../../operations/drills/target.ts";
import { redisopsCommand } from "../checkout.ts";
import { killTree } from "../process-tree.ts";

/** Longest time for a command, in milliseconds; a rebuild of the lab's filter takes seconds. */
const deadlineMs = 120_000;

/**
 * Runs a command of a page as a user would who has set REDISOPS_CONFIG: `redisops` is the command line of this checkout. The
 * signal ends it at once.
 */
export function runPageCommand(
  command: string,
  configFile: string,
  signal?: AbortSignal,
): Promise<CommandOutcome> {
  const [program = "", ...words] = command.trim().split(/\s+/);
  const [node, ...first] = program === "redisops" ? redisopsCommand : [program];
  return new Promise((resolve, reject) => {
    const child = spawn(node ?? program, [...first, ...words], {
      cwd: dirname(configFile),
      env: { ...process.env, REDISOPS_CONFIG: configFile, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (text: string) => {
      output += text;
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const end = (why: string) => {
      if (child.pid !== undefined && child.exitCode === null) killTree(child.pid);
      keep(`\n(${why})`);
    };
    const timer = setTimeout(() => end(`ended after ${deadlineMs / 1000} s`), deadlineMs);
    const onAbort = () => end("interrupted");
    signal?.addEventListener("abort", onAbort, { once: true });
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      resolve({ code, output });
    });
  });
}
