import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../lab/binaries.ts";
import { startRedis } from "../lab/servers/redis.ts";
import { createWorkspace } from "../lab/workspace.ts";
import { alternate, type Benchmark, type Figure, median } from "./harness.ts";
import { peerProgram } from "./peers.ts";

const ROUNDS = 15;
/** On-call waits no longer than this for the first sign of an answer. */
const FIRST_OUTPUT_MS = 100;

const program = fileURLToPath(new URL("../bin/redisops.js", import.meta.url));

interface Times {
  /** Milliseconds from the start of the process until it has written something, and until it has ended. */
  readonly first: number;
  readonly all: number;
}

/**
 * How soon the command line answers: `redisops --version`, and `redisops status` on a platform of one healthy Redis,
 * beside `redis-cli ping` to the same server. Every process is started anew, in a terminal of its own as on-call has it;
 * the warm-up fills the compile cache.
 */
export const cli: Benchmark = async (log) => {
  const redisCli = peerProgram("redis-cli");
  await using workspace = await createWorkspace("bench");
  const redis = await startRedis(workspace, { name: "registry" });
  const folder = await workspace.folder("cli");
  const config = join(folder, "redisops.yaml");
  await writeFile(
    config,
    `platform: bench\nroles: { registry: { topology: standalone, address: "127.0.0.1:${redis.port}" } }\n`,
  );
  log(`measuring: one round to warm up, then ${ROUNDS}`);
  const times = await alternate(
    {
      version: () => inTerminal([process.execPath, program, "--version"]),
      status: () => inTerminal([process.execPath, program, "status", "--config", config]),
      ping: () => inTerminal([redisCli, "-h", "127.0.0.1", "-p", String(redis.port), "ping"]),
    },
    ROUNDS,
  );
  const first = (taken: readonly Times[]) => Math.round(median(taken.map((each) => each.first)));
  const peer = Math.max(1, first(times.ping));
  const within = (what: string, taken: readonly Times[]): Figure => ({
    what: `first output of ${what}`,
    unit: "ms",
    ours: first(taken),
    peer: null,
    target: FIRST_OUTPUT_MS,
    better: "lower",
  });
  return [
    within("redisops --version", times.version),
    within("redisops status", times.status),
    {
      what: "first output of redisops --version against redis-cli ping",
      unit: "ms",
      ours: first(times.version),
      peer,
      target: 10,
      better: "lower",
    },
    {
      what: "first output of redisops status against redis-cli ping",
      unit: "ms",
      ours: first(times.status),
      peer,
      target: 15,
      better: "lower",
    },
    {
      what: "redisops status from start to end",
      unit: "ms",
      ours: Math.round(median(times.status.map(({ all }) => all))),
      peer: null,
      target: 500,
      better: "lower",
    },
  ];
};

/** Runs a command to its end in a terminal that `script` makes. Throws an Error with its output where it fails. */
async function inTerminal(command: readonly string[]): Promise<Times> {
  const wrapped =
    process.platform === "linux"
      ? ["-qec", command.map((word) => `'${word}'`).join(" "), "/dev/null"]
      : ["-q", "/dev/null", ...command];
  const start = performance.now();
  const child = spawn(findProgram("script"), wrapped, { stdio: ["ignore", "pipe", "ignore"] });
  let first: number | undefined;
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    first ??= performance.now() - start;
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  const all = performance.now() - start;
  if (code !== 0 || first === undefined)
    throw new Error(`${command.join(" ")} ended with ${code}: ${output}`);
  return { first, all };
}
