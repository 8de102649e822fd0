import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { redisopsCommand } from "../checkout.ts";
import { killTree } from "../process-tree.ts";

/** How a command ended. */
export interface CommandOutcome {
  /** The exit code; null where a signal ended it. */
  readonly code: number | null;
  /** All that it wrote, to stdout and stderr, as it came. */
  readonly output: string;
}

/** Longest time for a command, in milliseconds; a rebuild of the lab's filter takes seconds. */
const deadlineMs = 120_000;

/** Runs a command of a page as a user would who has set REDISOPS_CONFIG: `redisops` is the command line of this checkout. */
export function runPageCommand(command: string, configFile: string): Promise<CommandOutcome> {
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
    const timer = setTimeout(() => {
      if (child.pid !== undefined && child.exitCode === null) killTree(child.pid);
      keep(`\n(ended after ${deadlineMs / 1000} s)`);
    }, deadlineMs);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}
