import { completionOption, completions } from "./completion/complete.ts";
import { outliveReaders, print, reportError } from "./output.ts";
import { waitingLineIs } from "./waiting-line.ts";

/** Whether a command prints JSON; told from its words, as its error may be that they cannot be parsed. */
const wantsJson = (words: readonly string[]) => words.includes("--json") || words.includes("--json=true");

/** Runs the command line; `waitingLine` is on the terminal by now. Resolves to the exit code. */
export async function main(given: readonly string[], waitingLine = ""): Promise<number> {
  let words = given;
  outliveReaders();
  waitingLineIs(waitingLine);
  if (words[0] === completionOption) {
    // Bash counts the sign of --option=value as a word.
    words = words.filter((word) => word !== "=");
    const found = await completions(words.slice(1));
    if (found !== undefined) {
      for (const each of found) print(each);
      return 0;
    }
  }
  const [{ commandLine }, { startTracing }] = await Promise.all([
    import("./command-line.ts"),
    import("../core/tracing.ts"),
  ]);
  let exitCode = 0;
  const stopTracing = await startTracing();
  try {
    const line = await commandLine(words, (code) => {
      exitCode = code;
    });
    await line.parseAsync();
    return exitCode;
  } catch (error) {
    return reportError(error, wantsJson(words));
  } finally {
    await stopTracing();
  }
}
