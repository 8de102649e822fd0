import type { Argv } from "yargs";
import type { Duplicate, DuplicateSpan, TakeDuplicates } from "../../core/duplicates/duplicate.ts";
import type { SendsSource } from "../../core/duplicates/sources.ts";
import { durationPattern, parseDuration } from "../../core/duration.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { AuditList, type Column } from "../audit/list.ts";
import { type AuditOptions, auditOptions, listing } from "../audit/options.ts";
import { periodOf } from "../audit/period.ts";
import { note, printJson } from "../output.ts";

interface AuditDuplicatesOptions extends AuditOptions {
  readonly source?: SendsSource["kind"] | undefined;
  readonly window?: string | undefined;
}

/** Longest time until Postgres is connected, and for the statement that groups all sends, in milliseconds. */
const timeouts = { connect: 5_000, statement: 1_800_000 };
/** The usual window of a deduplication filter. */
const standardWindow = "24h";

const columns: readonly Column<Duplicate>[] = [
  { name: "first_at", head: "FIRST" },
  { name: "last_at", head: "LAST" },
  { name: "sends", head: "TIMES" },
  { name: "notification_id", head: "NOTIFICATION" },
];

const count = (number: number, one: string, many = `${one}s`) =>
  `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;

/** The record that is used, for the reader. */
async function sourceName(source: SendsSource): Promise<string> {
  if (source.kind === "table") {
    const { describePostgres } = await import("../../core/postgres/connect.ts");
    return `table ${source.sends.table} of ${describePostgres(source.postgres)}`;
  }
  const { describeKafka } = await import("../../core/kafka/connect.ts");
  return `topic ${source.topic.topic} of ${describeKafka(source.kafka)}`;
}

async function search(source: SendsSource, span: DuplicateSpan, take: TakeDuplicates) {
  if (source.kind === "topic") {
    const { topicDuplicates } = await import("../../core/duplicates/topic-duplicates.ts");
    return topicDuplicates(source.kafka, source.topic, span, take);
  }
  const [{ connectPostgres }, { tableDuplicates }] = await Promise.all([
    import("../../core/postgres/connect.ts"),
    import("../../core/duplicates/table-duplicates.ts"),
  ]);
  const connection = await connectPostgres(source.postgres, timeouts);
  try {
    return await tableDuplicates(connection, source.sends, span, take);
  } finally {
    await connection.close();
  }
}

async function run(options: AuditDuplicatesOptions): Promise<number> {
  const period = periodOf(options);
  const { format, limit } = listing(options);
  const [{ loadConfig }, { sendsSource }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../core/duplicates/sources.ts"),
  ]);
  if (options.window !== undefined && !durationPattern.test(options.window)) {
    throw new RedisopsError("USAGE", `--window expects a duration such as 24h, got "${options.window}"`);
  }
  const config = loadConfig(options.config);
  const source = sendsSource(config, options.source);
  const window = options.window ?? config.postgres?.tables.sent_notifications?.window ?? standardWindow;
  const span = { from: period.from, to: period.to, window: Math.min(parseDuration(window), period.from) };
  const list = new AuditList(columns, { format, limit });
  const totals = await search(source, span, (found) => list.add(found));
  const where = await sourceName(source);
  const basis = `${count(totals.examined, "send")} by ${where}, the ${window} before included`;
  const said =
    list.found === 0
      ? `Nothing went out twice ${period.words}: ${basis}.`
      : `${count(list.found, "notification")} went out again ${period.words}; ${basis}.`;
  if (format === "json") {
    printJson({
      since: new Date(period.from).toISOString(),
      until: new Date(period.to).toISOString(),
      window,
      source: where,
      notifications: list.found,
      listed: list.kept,
      examined: totals,
    });
    return exitCodes.done;
  }
  await list.show(said);
  if (totals.without_id > 0) {
    note(`warning: ${count(totals.without_id, "record")} without an id could not be compared`);
  }
  return exitCodes.done;
}

/** Declares `redisops audit duplicates`. */
export function auditDuplicatesCommand<T>(yargs: Argv<T>, finish: (code: number) => void): Argv<T> {
  return yargs.command<AuditDuplicatesOptions>(
    "duplicates",
    "List which notifications went out more than once",
    (own) =>
      auditOptions(own)
        .option("source", {
          choices: ["table", "topic"] as const,
          describe:
            "Which record of sends: postgres.tables.sends (else sent_notifications), or kafka.sent_notifications. When left out: tables.sends, else the topic, else sent_notifications",
          requiresArg: true,
        })
        .option("window", {
          type: "string",
          describe: "A first send counts up to so long before the span",
          defaultDescription: "window of postgres.tables.sent_notifications, or 24h",
          requiresArg: true,
        })
        .example("$0 audit duplicates --since 2h", "after an outage of the filter")
        .example(
          "$0 audit duplicates --from 2026-11-21T09:00Z --to 2026-11-21T09:40Z --format csv",
          "all of a time, for a spreadsheet",
        ),
    async (options) => finish(await run(options)),
  );
}
