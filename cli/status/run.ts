import { durationPattern, parseDuration } from "../../core/duration.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { configFlag } from "../options.ts";
import { note, printJson } from "../output.ts";
import type { StatusOptions } from "./options.ts";

/** Shortest time between two looks, in milliseconds: each of them asks every server. */
const shortestInterval = 500;

function intervalOf({ interval }: StatusOptions): number {
  const milliseconds = durationPattern.test(interval) ? parseDuration(interval) : 0;
  // Longer ones a timer cannot count.
  if (milliseconds >= shortestInterval && milliseconds <= 86_400_000) return milliseconds;
  throw new RedisopsError(
    "USAGE",
    `--interval takes a time from 0.5 s to 24 h such as 500ms, 2s or 1m, got ${JSON.stringify(interval)}`,
    { next: "redisops status --help shows examples." },
  );
}

/** `redisops status`. Returns the exit code. */
export async function showStatus(options: StatusOptions): Promise<number> {
  const interval = intervalOf(options);
  // What is wrong with the configuration is told before the probes are loaded.
  const { loadConfig } = await import("../../core/config/load.ts");
  const config = loadConfig(options.config);
  const [{ Probes }, { lookAt, lookDocument, requireRows }] = await Promise.all([
    import("../../exporters/probes.ts"),
    import("./look.ts"),
  ]);
  const probes = new Probes(config);
  const look = () => lookAt(config, probes, options.role);
  if (options.watch) {
    const { watch } = await import("./watch.ts");
    return watch(config, options, interval, look);
  }
  const first = await look();
  if (first.warning !== undefined) note(`warning: ${first.warning}`);
  requireRows(first, options);
  if (options.json) printJson(lookDocument(config, first));
  else {
    const { printStatus } = await import("../status-table.ts");
    await printStatus(first.rows, first.at, configFlag(options));
  }
  return first.healthy ? exitCodes.done : exitCodes.failed;
}
