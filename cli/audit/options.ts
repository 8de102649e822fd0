import type { Argv } from "yargs";
import { RedisopsError } from "../../core/errors.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import type { PeriodOptions } from "./period.ts";

/** How an audit's list is printed. */
export type ListFormat = "table" | "csv" | "json";

/** Options that every audit has. */
export interface AuditOptions extends CommonOptions, PeriodOptions {
  readonly format?: Exclude<ListFormat, "json"> | undefined;
  readonly limit?: number | undefined;
}

const standardLimit = 1_000;
const maxLimit = 100_000;

/** Declares them. */
export function auditOptions<T>(yargs: Argv<T>): Argv<T & AuditOptions> {
  return commonOptions(yargs)
    .option("since", {
      type: "string",
      describe: "How far back from now, such as 90m or 7d",
      defaultDescription: '"7d"',
      requiresArg: true,
    })
    .option("from", {
      type: "string",
      describe: "Instead: from this time on, such as 2026-11-21T09:00Z, or 2h for two hours ago",
      requiresArg: true,
    })
    .option("to", {
      type: "string",
      describe: "Up to this time, which does not belong to it; now when left out",
      requiresArg: true,
    })
    .option("format", {
      choices: ["table", "csv"] as const,
      describe: "How to print the list, unless by --json",
      defaultDescription: '"table"',
      requiresArg: true,
    })
    .option("limit", {
      type: "number",
      describe: "List at most so many; all are counted",
      defaultDescription: "1000, csv: all",
      requiresArg: true,
    });
}

/** How to print, and how many. Throws USAGE. */
export function listing({ format, json, limit }: AuditOptions): {
  readonly format: ListFormat;
  readonly limit: number;
} {
  if (json && format !== undefined) {
    throw new RedisopsError("USAGE", `--json and --format ${format} exclude each other`);
  }
  const chosen = json ? "json" : (format ?? "table");
  if (limit === undefined) {
    return { format: chosen, limit: chosen === "csv" ? Number.POSITIVE_INFINITY : standardLimit };
  }
  const most = chosen === "csv" ? Number.MAX_SAFE_INTEGER : maxLimit;
  if (!Number.isInteger(limit) || limit < 0 || limit > most) {
    throw new RedisopsError(
      "USAGE",
      `--limit expects a whole number from 0 to ${maxLimit.toLocaleString("en-US")}, more for csv only`,
    );
  }
  return { format: chosen, limit };
}
