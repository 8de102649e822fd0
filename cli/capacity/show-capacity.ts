import { redisRoles } from "../../catalog/roles.ts";
import { loadConfig } from "../../core/config/load.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { capacityDocument } from "../../operations/capacity/capacity-document.ts";
import { type CapacityReport, capacityReport } from "../../operations/capacity/capacity-report.ts";
import { gatherExample, gatherFigures, parseGiven } from "../../operations/capacity/gather.ts";
import { note, print, printJson } from "../output.ts";
import { writeWhole } from "../write-generated.ts";
import { capacityText } from "./capacity-text.ts";

/** What `redisops capacity` is told. */
export interface CapacityOptions {
  readonly config: string;
  readonly json: boolean;
  readonly example: boolean;
  readonly measure: boolean;
  readonly set: readonly string[];
  readonly seed: number;
  readonly report: string | undefined;
}

async function reportOf(options: CapacityOptions): Promise<CapacityReport> {
  const given = parseGiven(options.set);
  if (options.example) {
    if (options.measure) throw new RedisopsError("USAGE", "--example has no Postgres to --measure");
    return capacityReport("example", gatherExample(given), options.seed);
  }
  const config = loadConfig(options.config);
  const roles = redisRoles.filter((role) => config.roles[role] !== undefined);
  if (roles.length === 0) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      `${options.config} describes no role: there is nothing that could fail`,
    );
  }
  const figures = await gatherFigures(config, {
    measure: options.measure,
    given,
    onWarning: (message) => note(`warning: ${message}`),
  });
  return capacityReport(config.platform, figures, options.seed, roles, config.thresholds);
}

/** Prints the report, and writes the page where one is asked for. Returns the exit code. */
export async function showCapacity(options: CapacityOptions): Promise<number> {
  if (!Number.isSafeInteger(options.seed) || options.seed < 0)
    throw new RedisopsError("USAGE", "--seed: expected a whole number from 0 up");
  const report = await reportOf(options);
  if (options.report !== undefined) {
    const { capacityPage } = await import("../../operations/capacity/page.ts");
    await writeWhole(options.report, capacityPage(report));
  }
  if (options.json) printJson(capacityDocument(report));
  else for (const line of capacityText(report)) print(line);
  if (options.report !== undefined) note(`report: ${options.report}`);
  return exitCodes.done;
}
