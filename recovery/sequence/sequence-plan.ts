import { formatDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import { connectKafka, type KafkaConnection } from "../../core/kafka/connect.ts";
import { readPartition } from "../../core/kafka/read-partition.ts";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { type BulkWriter, openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { maximaQuery, momentAgo } from "../../core/sequence/conversation-maxima.ts";
import { countAbove, isHigher } from "../../core/sequence/counter-scripts.ts";
import { type PartitionStretch, RecordMaxima, topicStretches } from "../../core/sequence/kafka-maxima.ts";
import type { Fact, Plan, RecoveryContext } from "../recovery.ts";
import { Comparison, compareAll, compareSample } from "./comparison.ts";
import { marginOf, type SequenceConfig, sequenceConfig, timeouts } from "./sequence-config.ts";

/** Milliseconds for holding all counters against Postgres; then a sample has to do. */
const comparisonBudget = 3_000;
/** Records at the end of each partition whose conversations are compared, and partitions where that is done. */
const tail = { records: 500, partitions: 16 };
/** What a message id of the library, and a number in JSON, can hold. */
const safe = String(Number.MAX_SAFE_INTEGER);

/** What execution needs of a plan. */
export interface SequenceDetails {
  readonly margin: number;
  /** Only conversations with messages since this moment, in Postgres' text; null for all. */
  readonly since: string | null;
  /** What is to be read of Kafka. */
  readonly stretches: readonly PartitionStretch[];
}

/** What was found. */
interface Findings {
  /** Conversations in Postgres. */
  readonly conversations: number;
  /** Whether all of their counters were compared. */
  readonly complete: boolean;
  readonly comparison: Comparison;
}

const count = (value: number) => Math.round(value).toLocaleString("en-US");

/** Holds live counters against what is durable, and says what would be raised. */
export async function planSequence(context: RecoveryContext<"sequence">): Promise<Plan<SequenceDetails>> {
  const { options, signal } = context;
  const config = sequenceConfig(context.config);
  const margin = marginOf(context);
  if (options.since === 0) throw new RedisopsError("USAGE", "--since must be a duration above 0");
  const writer = await openBulkWriter("sequence", config.role, timeouts);
  const kafka = config.kafka === undefined ? undefined : connectKafka(config.kafka.config);
  let database: PostgresConnection | undefined;
  try {
    database = await connectPostgres(config.postgres, timeouts);
    const since = options.since === undefined ? undefined : await moment(database, options.since);
    const findings = await find({ config, writer, margin: margin.ids, since, signal }, database);
    const stretches = kafka === undefined ? [] : await kafkaStretches(kafka, config, options.since);
    if (kafka !== undefined)
      await compareTail(kafka, config, stretches, writer, margin.ids, findings.comparison);
    const records = stretches.reduce((sum, { from, to }) => sum + to - from, 0);
    const { comparison } = findings;
    const nothingLow = findings.complete && comparison.low === 0;
    const hasChanges =
      comparison.behind > 0 || (options.all === true && !nothingLow && findings.conversations + records > 0);
    const highest = countAbove(comparison.highest, margin.ids);
    return {
      target: describeTarget("sequence", config.role),
      facts: facts(config, findings, { margin, records, span: options.since, hasChanges }),
      steps: steps(config, margin.ids, options.since),
      risks: risks(margin.ids),
      hasChanges,
      ...(hasChanges && isHigher(highest, safe)
        ? {
            severe: `The highest durable id is ${comparison.highest}: its counter would go on beyond ${safe}, which the library’s message ids and JSON numbers cannot hold, and counters are never lowered.`,
          }
        : {}),
      items: findings.conversations + records,
      details: { margin: margin.ids, since: since ?? null, stretches },
    };
  } finally {
    writer.close();
    await Promise.all([database?.close(), kafka?.close()]);
  }
}

async function moment(database: PostgresConnection, milliseconds: number): Promise<string> {
  return momentAgo(database.client, milliseconds).catch((error: unknown) => {
    throw postgresError(error, database.target);
  });
}

async function find(
  compared: Parameters<typeof compareAll>[0],
  database: PostgresConnection,
): Promise<Findings> {
  const comparison = new Comparison();
  const enough = AbortSignal.timeout(comparisonBudget);
  if ((await compareAll(compared, comparison, undefined, enough)) === "complete") {
    return { conversations: comparison.compared, complete: true, comparison };
  }
  await compareSample(compared, database, comparison);
  try {
    const { config, margin, since } = compared;
    const query = await maximaQuery(database.client, { source: config.source, margin, since });
    const { rows } = await database.client.query<{ "QUERY PLAN": { Plan: { "Plan Rows": number } }[] }>(
      `EXPLAIN (FORMAT JSON) ${query}`,
    );
    const estimate = rows[0]?.["QUERY PLAN"][0]?.Plan["Plan Rows"] ?? 0;
    return { conversations: Math.max(estimate, comparison.compared), complete: false, comparison };
  } catch (error) {
    throw postgresError(error, database.target);
  }
}

async function kafkaStretches(
  kafka: KafkaConnection,
  { kafka: source }: SequenceConfig,
  span: number | undefined,
): Promise<readonly PartitionStretch[]> {
  if (source === undefined) return [];
  const since = span === undefined ? undefined : Date.now() - span;
  const { stretches } = await topicStretches(kafka, source.topic.topic, since);
  return stretches.filter(({ from, to }) => from < to);
}

/** Holds the counters of the conversations at the end of the topic against it: what Postgres may not have yet. */
async function compareTail(
  kafka: KafkaConnection,
  config: SequenceConfig,
  stretches: readonly PartitionStretch[],
  writer: BulkWriter,
  margin: number,
  comparison: Comparison,
): Promise<void> {
  if (config.kafka === undefined) return;
  const maxima = new RecordMaxima(config.kafka.topic, margin);
  for (const { partition, from, to } of stretches.slice(0, tail.partitions)) {
    await readPartition({
      kafka,
      topic: config.kafka.topic.topic,
      partition,
      from: Math.max(from, to - tail.records),
      to,
      onBatch: (records) => maxima.take(records),
    });
  }
  comparison.ask(writer, config.role, margin, maxima.drain());
  await writer.flush();
}

function facts(
  { source, kafka }: SequenceConfig,
  { conversations, complete, comparison }: Findings,
  {
    margin,
    records,
    span,
    hasChanges,
  }: {
    readonly margin: ReturnType<typeof marginOf>;
    readonly records: number;
    readonly span: number | undefined;
    readonly hasChanges: boolean;
  },
): Fact[] {
  const of = `${complete ? "" : "at least "}${count(comparison.behind)} of ${count(comparison.compared)}`;
  const furthest =
    comparison.behind === 0
      ? ""
      : ` (${count(comparison.missing)} gone), the furthest by ${count(comparison.largestShortfall)}`;
  return [
    {
      label: "source",
      value: `Postgres ${source.table}.${source.id_column}: ${complete ? "" : "about "}${count(conversations)} conversations${span === undefined ? "" : ` with messages in the last ${formatDuration(span)}`}`,
    },
    ...(kafka === undefined
      ? []
      : [{ label: "source", value: `Kafka topic ${kafka.topic.topic}: ${count(records)} records` }]),
    {
      label: "live counters",
      value: `${of} compared are below a durable id${furthest}; ${count(comparison.short)} more are less than the margin above theirs`,
    },
    ...(comparison.foreign === 0
      ? []
      : [
          {
            label: "foreign keys",
            value: `${count(comparison.foreign)} keys hold no counter and stay as they are: compare roles.sequence.key with the applications`,
          },
        ]),
    { label: "margin", value: `${count(margin.ids)} ids (${margin.reason})` },
    { label: "highest durable id", value: comparison.highest },
    ...(hasChanges || (complete && comparison.low === 0)
      ? []
      : [
          {
            label: "if writes were lost",
            value:
              "ids that were given and never became durable do not show here: after such a failover, --all",
          },
        ]),
  ];
}

function steps({ kafka }: SequenceConfig, margin: number, span: number | undefined): string[] {
  const which = span === undefined ? "each conversation" : "each of these conversations";
  return [
    `read the highest sequence number of ${which} from Postgres${kafka === undefined ? "" : ", and from Kafka what Postgres may not have yet"}`,
    `raise its counter to that number plus ${count(margin)} where it is lower, in one step per counter; never lower one`,
    "hold every counter against Postgres once more",
  ];
}

function risks(margin: number): string[] {
  return [
    "until its counter is raised a conversation’s next ids repeat, also during the run: keep the applications away from this Redis until it has ended (ACL SETUSER <their user> -@all on each primary, then their rules again; or a closed port). SequenceClient gives timestamps as ids meanwhile, which cannot repeat, and comes back by itself",
    `where the margin of ${count(margin)} is smaller than what a conversation got between the last durable id and the loss, ids repeat all the same`,
    "each raised conversation has a gap in its sequence, and its counter no time to live; neither can be undone",
    "Postgres reads the whole table of messages once to raise and once to verify, or what --since leaves of it",
  ];
}
