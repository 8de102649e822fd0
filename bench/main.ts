import { parseArgs } from "node:util";
import { type Benchmark, table } from "./harness.ts";

/** The benchmarks by name; a module is loaded only when its benchmark runs. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  bloom: async () => (await import("./bloom.ts")).bloom,
  cli: async () => (await import("./cli.ts")).cli,
  drain: async () => (await import("./drain.ts")).drain,
  fallbacks: async () => (await import("./fallbacks.ts")).fallbacks,
  registry: async () => (await import("./registry.ts")).registry,
  scrape: async () => (await import("./scrape.ts")).scrape,
  sequence: async () => (await import("./sequence.ts")).sequence,
};

const USAGE = `usage: npm run bench -- <${Object.keys(benchmarks).join("|")}> [--json]`;

/** Runs one benchmark: progress goes to stderr, the figures to stdout. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { name, json } = parse(args);
  const load = name === undefined ? undefined : benchmarks[name];
  if (load === undefined) {
    process.stderr.write(`${name === undefined ? "" : `no benchmark is called ${name}\n`}${USAGE}\n`);
    return 64;
  }
  try {
    const benchmark = await load();
    const figures = await benchmark((line) => process.stderr.write(`${line}\n`));
    process.stdout.write(`${json ? JSON.stringify({ bench: name, figures }) : table(figures)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function parse(args: readonly string[]): { readonly name: string | undefined; readonly json: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { json: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    return { name: positionals.length === 1 ? positionals[0] : undefined, json: values.json };
  } catch {
    return { name: undefined, json: false };
  }
}

process.exitCode = await main(process.argv.slice(2));
