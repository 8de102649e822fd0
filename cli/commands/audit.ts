import type { CommandModule } from "yargs";
import { durationPattern, parseDuration } from "../../core/duration.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { AuditTotals, UnwantedNotification } from "../../core/exposures/audit.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { note, print, printJson, styled } from "../output.ts";

interface AuditPreferencesOptions extends CommonOptions {
  readonly since: string;
  readonly exposures: readonly string[];
  readonly limit: number;
}

/** Longest time until Postgres is connected, and for one page, in milliseconds. */
const timeouts = { connect: 5_000, statement: 30_000 };
/** People told apart in the count; more are "or more". */
const maxPeople = 1_000_000;
const maxLimit = 100_000;

/** Counts all, and keeps the first ones. */
class Findings {
  readonly listed: UnwantedNotification[] = [];
  notifications = 0;
  readonly #limit: number;
  readonly #people = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(found: readonly UnwantedNotification[]): void {
    this.notifications += found.length;
    this.listed.push(...found.slice(0, Math.max(0, this.#limit - this.listed.length)));
    for (const { user_id: person } of found) if (this.#people.size < maxPeople) this.#people.add(person);
  }

  get people(): number {
    return this.#people.size;
  }
}

/** Ids come from whoever made them: nothing in them may steer the reader's terminal. */
const printable = (text: string) => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}");

const count = (number: number, one: string, many = `${one}s`) =>
  `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;

function printFindings(findings: Findings, totals: AuditTotals, period: string): void {
  const examined = totals.in_table + totals.in_folders;
  const folders =
    totals.in_folders === 0 ? "" : `, ${totals.in_folders.toLocaleString("en-US")} of them from folders`;
  const basis = `${count(examined, "notification was", "notifications were")} sent on assumption in the last ${period}${folders}`;
  if (findings.notifications === 0) {
    print(`Nobody was notified against their will: ${basis}.`);
    return;
  }
  const people = `${findings.people >= maxPeople ? "at least " : ""}${count(findings.people, "person", "people")}`;
  print(
    styled(
      "bold",
      `${count(findings.notifications, "notification")} went to ${people} who had opted out; ${basis}.`,
    ),
  );
  print();
  const head = {
    at: "SENT",
    user_id: "USER",
    channel: "CHANNEL",
    notification_id: "NOTIFICATION",
    opted_out_at: "OPTED OUT",
  };
  const rows = [head, ...findings.listed].map((row) => [
    row.at,
    printable(row.user_id),
    printable(row.channel),
    printable(row.notification_id),
    row.opted_out_at ?? "not on record",
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  const left = findings.notifications - findings.listed.length;
  if (left > 0) print(`... and ${left.toLocaleString("en-US")} more; --limit shows them.`);
}

async function run(options: AuditPreferencesOptions): Promise<number> {
  if (!durationPattern.test(options.since)) {
    throw new RedisopsError("USAGE", `--since expects a duration such as 90m or 7d, got "${options.since}"`);
  }
  const since = Date.now() - parseDuration(options.since);
  if (since < 0) throw new RedisopsError("USAGE", "--since reaches back further than 1970");
  if (!Number.isInteger(options.limit) || options.limit < 0 || options.limit > maxLimit) {
    throw new RedisopsError(
      "USAGE",
      `--limit expects a whole number from 0 to ${maxLimit.toLocaleString("en-US")}`,
    );
  }
  const [
    { loadConfig },
    { connectPostgres },
    { postgresError },
    { auditExposures },
    { defaultPreferenceTables },
  ] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../core/postgres/connect.ts"),
    import("../../core/postgres/postgres-error.ts"),
    import("../../core/exposures/audit.ts"),
    import("../../core/preferences/schema.ts"),
  ]);
  const { postgres } = loadConfig(options.config);
  if (postgres === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      `${options.config} has no postgres section: there is nothing to audit`,
    );
  }
  const tables = postgres.tables.preferences ?? defaultPreferenceTables;
  const findings = new Findings(options.limit);
  const connection = await connectPostgres(postgres, timeouts);
  let totals: AuditTotals;
  try {
    const found = (more: readonly UnwantedNotification[]) => findings.add(more);
    totals = await auditExposures(connection.client, { tables, since, folders: options.exposures }, found);
  } catch (error) {
    throw postgresError(error, connection.target);
  } finally {
    await connection.close();
  }
  if (options.json) {
    printJson({
      since: new Date(since).toISOString(),
      notifications: findings.notifications,
      people: findings.people,
      listed: findings.listed,
      examined: totals,
    });
    return exitCodes.done;
  }
  printFindings(findings, totals, options.since);
  if (totals.damaged_lines > 0) {
    note(
      `warning: ${count(totals.damaged_lines, "line")} of the folders could not be read: torn when a process was killed`,
    );
  }
  return exitCodes.done;
}

/** `redisops audit preferences`. */
export function auditCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "audit",
    describe: "Find out afterwards what a degradation did",
    builder: (yargs) =>
      yargs
        .command<AuditPreferencesOptions>(
          "preferences",
          "List who was notified although they had opted out",
          (own) =>
            commonOptions(own)
              .option("since", {
                type: "string",
                default: "7d",
                describe: "How far back, such as 90m or 7d",
                requiresArg: true,
              })
              .option("exposures", {
                type: "string",
                array: true,
                default: [],
                describe: "Folders of workers whose records may not be in Postgres yet",
                requiresArg: true,
              })
              .option("limit", {
                type: "number",
                default: 1_000,
                describe: "List at most so many; all are counted",
                requiresArg: true,
              })
              .example("$0 audit preferences --since 2h", "after an outage: whom to apologise to")
              .example(
                "$0 audit preferences --exposures /var/lib/worker/exposures --json",
                "one document for a script, a folder included",
              ),
          async (options) => finish(await run(options)),
        )
        .demandCommand(1, "Say what to audit: preferences"),
    handler: () => undefined,
  };
}
