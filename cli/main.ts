import { startTracing } from "../core/tracing.ts";
import { commandLine } from "./command-line.ts";
import { outliveReaders, reportError } from "./output.ts";

/** Runs the command line; resolves to the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  let exitCode = 0;
  outliveReaders();
  const stopTracing = await startTracing();
  try {
    const line = await commandLine(words, (code) => {
      exitCode = code;
    });
    await line.parseAsync();
    return exitCode;
  } catch (error) {
    return reportError(error, words.includes("--json") || words.includes("--json=true"));
  } finally {
    await stopTracing();
  }
}
