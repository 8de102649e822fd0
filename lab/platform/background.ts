import { toRedisopsError } from "../../core/errors.ts";
import { rateChange } from "./settings.ts";
import { supervise } from "./supervisor.ts";

/** `node lab/platform/background.ts <name> <rates as JSON> <log>`: a lab without a terminal. Its output goes to the log. */
const [name = "", rates = "{}", log] = process.argv.slice(2);
const write = (line: string) => process.stdout.write(`${line}\n`);
const controller = new AbortController();
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.on(signal, () => controller.abort());
}
try {
  await supervise({
    name,
    rates: rateChange.parse(JSON.parse(rates)),
    log,
    say: write,
    onUp: ({ startSeconds }) => write(`up after ${startSeconds} s`),
    signal: controller.signal,
  });
} catch (error) {
  // The last line, for the command that waits.
  if (!controller.signal.aborted) write(JSON.stringify({ error: toRedisopsError(error).toJSON() }));
  process.exitCode = 1;
}
// A client that is still waiting for a server that is gone must not hold the process.
setTimeout(() => process.exit(), 500).unref();
