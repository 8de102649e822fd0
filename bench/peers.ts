import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { type BitmapLayout, positions } from "../core/filter/bitmap-layout.ts";
import { findProgram } from "../lab/binaries.ts";

/** What installs each peer, on Debian and with Homebrew. */
const packages = {
  psql: ["apt-get install postgresql-client", "brew install libpq"],
  "redis-cli": ["apt-get install redis-tools", "brew install redis"],
  "prometheus-redis-exporter": ["apt-get install prometheus-redis-exporter"],
} as const;

/** The absolute path of a program that is measured beside ours. Throws an Error that says what to install. */
export function peerProgram(name: keyof typeof packages): string {
  try {
    return findProgram(name);
  } catch {
    throw new Error(
      `the benchmark measures against ${name}, which is not installed: ${packages[name].join(", or ")}`,
    );
  }
}

/**
 * Runs a program to its end, its output thrown away, and returns the wall-clock seconds it took, start included.
 *
 * @throws Error with what it wrote to stderr where it does not exit with 0
 */
export async function secondsOf(
  command: readonly [string, ...string[]],
  options: { readonly inputFile?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const input = options.inputFile === undefined ? undefined : await open(options.inputFile);
  try {
    const [program, ...args] = command;
    const start = performance.now();
    const child = spawn(program, args, {
      stdio: [input?.fd ?? "ignore", "ignore", "pipe"],
      env: { ...process.env, ...options.env },
    });
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    const seconds = (performance.now() - start) / 1000;
    if (code !== 0) throw new Error(`${program} ended with ${code}: ${complaint.trim()}`);
    return seconds;
  } finally {
    await input?.close();
  }
}

/** Writes the SETBIT commands of the ids as a file for `redis-cli --pipe`: one command per id and hash. */
export async function writeSetbits(
  path: string,
  key: string,
  ids: readonly string[],
  layout: BitmapLayout,
): Promise<void> {
  const file = createWriteStream(path);
  for (const id of ids) {
    const { shard, bits } = positions(id, layout);
    const name = `${key}:${shard}`;
    let commands = "";
    for (const bit of bits) {
      const offset = String(bit);
      commands += `*4\r\n$6\r\nSETBIT\r\n$${name.length}\r\n${name}\r\n$${offset.length}\r\n${offset}\r\n$1\r\n1\r\n`;
    }
    if (!file.write(commands)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}
