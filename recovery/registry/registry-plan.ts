import { connectKafka } from "../../core/kafka/connect.ts";
import { topicPartitions } from "../../core/kafka/read-partition.ts";
import { describePostgres } from "../../core/postgres/connect.ts";
import { connectRedis, describeTarget } from "../../core/redis/connect.ts";
import { countEntries } from "../../core/registry/count-entries.ts";
import { postgresPins, redisPins } from "../pins.ts";
import type { Fact, Pin, Plan, RecoveryContext } from "../recovery.ts";
import { countPages } from "./read-pages.ts";
import type { KafkaDetails, PostgresDetails, RegistryDetails } from "./registry-details.ts";
import {
  type KafkaSource,
  type PostgresSource,
  type RegistryConfig,
  redisTimeouts,
  registryConfig,
  registrySource,
} from "./registry-source.ts";
import { withPostgres } from "./replay-table.ts";

/** Rows that a page of 8 KiB holds about, where Postgres has not counted them. */
const ROWS_OF_PAGE = 80;

type Context = RecoveryContext<"registry">;

interface Found {
  readonly facts: readonly Fact[];
  readonly step: string;
  readonly items: number;
  readonly details: RegistryDetails;
}

const number = (value: number) => value.toLocaleString("en-US");

/** Looks at source and registry. Changes nothing. */
export async function planRegistry(context: Context): Promise<Plan<RegistryDetails>> {
  const role = registryConfig(context.config);
  const source = registrySource(context);
  const [entries, found] = await Promise.all([
    liveEntries(role),
    source.kind === "kafka" ? lookAtTopic(source) : lookAtTable(source),
  ]);
  const { entry_ttl, max_age } = context.config.recovery.registry;
  return {
    target: describeTarget("registry", role),
    facts: [...found.facts, { label: "entries in the registry now", value: `about ${number(entries)}` }],
    steps: [
      found.step,
      `for each user whose newest event is a connection that began within ${max_age}: write the entry, to live for ${entry_ttl} unless a heartbeat renews it; leave it where one of this or a newer connection is there`,
      "remove entries of connections that have ended since they were written",
      "go on with what was published meanwhile, until caught up",
    ],
    risks: [
      `a connection that broke off without an event is entered as well: messages for its user are handed to a server that no longer has them, for ${entry_ttl} at most`,
      "entries say that messages may wait: routers ask Postgres about a user's messages for about 8 s after the entry was written",
    ],
    hasChanges: found.items > 0,
    items: found.items,
    details: found.details,
  };
}

async function liveEntries(role: RegistryConfig): Promise<number> {
  const connection = await connectRedis("registry", role, redisTimeouts);
  try {
    return await countEntries(connection, role.key);
  } finally {
    connection.close();
  }
}

async function lookAtTopic({ kafka, topic }: KafkaSource): Promise<Found> {
  const connection = connectKafka(kafka);
  try {
    const { partitions } = await topicPartitions(connection, topic);
    const events = partitions.reduce((sum, { low, high }) => sum + high - low, 0);
    const details: KafkaDetails = { kind: "kafka", topic, partitions, plannedAtMs: Date.now() };
    return {
      facts: [
        { label: "source", value: `topic ${topic} of ${connection.target}` },
        { label: "partitions", value: number(partitions.length) },
        { label: "events, by positions", value: `${number(events)} at most: compaction has removed some` },
      ],
      step: `replay ${number(partitions.length)} partition${partitions.length === 1 ? "" : "s"} of ${topic}, up to where the log ends now${partitions.length === 1 ? "" : "; several machines can share them"}`,
      items: events,
      details,
    };
  } finally {
    await connection.close();
  }
}

async function lookAtTable(source: PostgresSource): Promise<Found> {
  const name = source.table.table;
  const pages = await withPostgres(source, ({ client }) => countPages(client, source));
  const details: PostgresDetails = { kind: "postgres", pages, plannedAtMs: Date.now() };
  const rows = pages * ROWS_OF_PAGE;
  return {
    facts: [
      { label: "source", value: `table ${name} of ${describePostgres(source.postgres)}` },
      { label: "size of the table", value: `${number(pages)} pages, about ${number(rows)} rows` },
    ],
    step: `read ${name} page by page; several machines can share it`,
    items: rows,
    details,
  };
}

/** The registry's processes, and the topic or the database. */
export async function pinRegistry(context: Context): Promise<Pin[]> {
  const source = registrySource(context);
  const target = redisPins("registry", registryConfig(context.config));
  const rest = source.kind === "kafka" ? topicPins(source) : postgresPins(source.postgres);
  return (await Promise.all([target, rest])).flat();
}

async function topicPins({ kafka, topic }: KafkaSource): Promise<Pin[]> {
  const connection = connectKafka(kafka);
  const of = "source" as const;
  try {
    const { topicId, partitions } = await topicPartitions(connection, topic);
    return [
      { of, label: `id of topic ${topic}`, value: topicId },
      ...partitions.flatMap(({ partition, low, high }) => [
        { of, label: `first position of partition ${partition} of ${topic}`, value: low },
        { of, label: `end of partition ${partition} of ${topic}`, value: high },
      ]),
    ];
  } finally {
    await connection.close();
  }
}
