import type { Argv } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { AuditTotals, UnwantedNotification } from "../../core/exposures/audit.ts";
import { AuditList, type Column } from "../audit/list.ts";
import { type AuditOptions, auditOptions, listing } from "../audit/options.ts";
import { type Period, periodOf } from "../audit/period.ts";
import { note, printJson } from "../output.ts";

interface AuditPreferencesOptions extends AuditOptions {
  readonly exposures: readonly string[];
}

/** Longest time until Postgres is connected, and for one page, in milliseconds. */
const timeouts = { connect: 5_000, statement: 30_000 };
/** People told apart in the count; more are "or more". */
const maxPeople = 1_000_000;

const columns: readonly Column<UnwantedNotification>[] = [
  { name: "at", head: "SENT" },
  { name: "user_id", head: "USER" },
  { name: "channel", head: "CHANNEL" },
  { name: "notification_id", head: "NOTIFICATION" },
  { name: "opted_out_at", head: "OPTED OUT", missing: "not on record" },
];

const count = (number: number, one: string, many = `${one}s`) =>
  `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;

/** What was found, in a sentence. */
function summary(found: number, people: number, totals: AuditTotals, { words }: Period): string {
  const examined = totals.in_table + totals.in_folders;
  const folders =
    totals.in_folders === 0 ? "" : `, ${totals.in_folders.toLocaleString("en-US")} of them from folders`;
  const basis = `${count(examined, "notification was", "notifications were")} sent on assumption ${words}${folders}`;
  if (found === 0) return `Nobody was notified against their will: ${basis}.`;
  const who = `${people >= maxPeople ? "at least " : ""}${count(people, "person", "people")}`;
  return `${count(found, "notification")} went to ${who} who had opted out; ${basis}.`;
}

async function run(options: AuditPreferencesOptions): Promise<number> {
  const period = periodOf(options);
  const { format, limit } = listing(options);
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
  const list = new AuditList(columns, { format, limit });
  const people = new Set<string>();
  const connection = await connectPostgres(postgres, timeouts);
  let totals: AuditTotals;
  try {
    const span = { since: period.from, until: period.to };
    totals = await auditExposures(
      connection.client,
      { tables, ...span, folders: options.exposures },
      async (more) => {
        for (const { user_id: person } of more) if (people.size < maxPeople) people.add(person);
        await list.add(more);
      },
    );
  } catch (error) {
    throw postgresError(error, connection.target);
  } finally {
    await connection.close();
  }
  if (format === "json") {
    printJson({
      since: new Date(period.from).toISOString(),
      until: new Date(period.to).toISOString(),
      notifications: list.found,
      people: people.size,
      listed: list.kept,
      examined: totals,
    });
    return exitCodes.done;
  }
  const said = summary(list.found, people.size, totals, period);
  await list.show(said);
  if (totals.damaged_lines > 0) {
    note(
      `warning: ${count(totals.damaged_lines, "line")} of the folders could not be read: torn when a process was killed`,
    );
  }
  return exitCodes.done;
}

/** Declares `redisops audit preferences`. */
export function auditPreferencesCommand<T>(yargs: Argv<T>, finish: (code: number) => void): Argv<T> {
  return yargs.command<AuditPreferencesOptions>(
    "preferences",
    "List who was notified although they had opted out",
    (own) =>
      auditOptions(own)
        .option("exposures", {
          type: "string",
          array: true,
          default: [],
          describe: "Folders of workers whose records may not be in Postgres yet",
          requiresArg: true,
        })
        .example("$0 audit preferences --since 2h", "after an outage: whom to apologise to")
        .example(
          "$0 audit preferences --exposures /var/lib/worker/exposures --json",
          "one document for a script, a folder included",
        ),
    async (options) => finish(await run(options)),
  );
}
