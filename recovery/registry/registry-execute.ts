import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import { connectKafka } from "../../core/kafka/connect.ts";
import type { Plan, RecoveryContext, Run } from "../recovery.ts";
import { eachChunk } from "../run/each-chunk.ts";
import type { KafkaDetails, PostgresDetails, RegistryDetails } from "./registry-details.ts";
import { type PostgresSource, registrySource } from "./registry-source.ts";
import { RegistryWriter } from "./registry-writer.ts";
import { type PartitionPosition, replayPartition } from "./replay-partition.ts";
import { pageChunks, replayChanges, replayPages } from "./replay-table.ts";

type Context = RecoveryContext<"registry">;

const chunkOf = (partition: number) => `partition ${partition}`;

/** Fills the registry, with whoever joins the run. */
export async function executeRegistry(
  context: Context,
  plan: Plan<RegistryDetails>,
  run: Run,
): Promise<void> {
  const { details } = plan;
  const chunks =
    details.kind === "kafka"
      ? details.partitions.map(({ partition }) => chunkOf(partition))
      : pageChunks(details.pages);
  await run.chunks.layDown(chunks);
  await run.step("replay", () => workOnRegistry(context, plan, run));
  if (details.kind === "postgres") await run.step("catch up", () => catchUp(context, details, run));
}

/** Works on the run's parts until none remains. */
export async function workOnRegistry(
  context: Context,
  { details }: Plan<RegistryDetails>,
  run: Run,
): Promise<void> {
  const writer = await RegistryWriter.open(context, run);
  try {
    const progress = progressOf(context, details);
    await (details.kind === "kafka"
      ? workOnPartitions(context, details, run, writer, progress)
      : workOnPages(context, run, writer, progress));
  } finally {
    writer.close();
  }
}

/** Reports how much of the source has been passed, by this process. */
function progressOf({ onProgress }: Context, details: RegistryDetails): (passed: number) => void {
  const unit = details.kind === "kafka" ? "events" : "pages";
  const total =
    details.kind === "kafka"
      ? details.partitions.reduce((sum, { low, high }) => sum + high - low, 0)
      : details.pages;
  let done = 0;
  return (passed) => {
    done += passed;
    onProgress({ phase: "replay", done, total: Math.max(total, done), unit });
  };
}

async function workOnPartitions(
  context: Context,
  details: KafkaDetails,
  run: Run,
  writer: RegistryWriter,
  onPassed: (positions: number) => void,
): Promise<void> {
  const source = registrySource(context);
  if (source.kind !== "kafka") throw sourceChanged();
  const kafka = connectKafka(source.kafka);
  const { topic, partitions } = details;
  const { signal } = context;
  const ttlMs = parseDuration(context.config.recovery.registry.entry_ttl);
  try {
    await eachChunk<PartitionPosition>(run, signal, async (chunk) => {
      const found = partitions.find(({ partition }) => chunkOf(partition) === chunk.id);
      if (found === undefined) throw sourceChanged();
      const { malformed, outrun } = await replayPartition(
        { kafka, topic, ...found, ttlMs, signal, writer, onPassed },
        chunk,
      );
      if (outrun) {
        context.onWarning(
          `${topic}, ${chunk.id}, grows faster than it is replayed: what was published last is left to the connection servers' own writes`,
        );
      }
      if (malformed > 0) {
        context.onWarning(
          `${count(malformed, "record")} of ${topic}, ${chunk.id}, could not be read as connection events and were left out`,
        );
      }
    });
  } finally {
    await kafka.close();
  }
}

async function workOnPages(
  context: Context,
  run: Run,
  writer: RegistryWriter,
  onPassed: (pages: number) => void,
): Promise<void> {
  const source = postgresSource(context);
  await eachChunk<number>(run, context.signal, async (chunk) => {
    const unusable = await replayPages({ source, context, writer, onPassed }, chunk);
    warnOfRows(context, source, unusable);
  });
}

async function catchUp(context: Context, details: PostgresDetails, run: Run): Promise<void> {
  const writer = await RegistryWriter.open(context, run);
  try {
    const source = postgresSource(context);
    await replayChanges({ source, context, writer, onPassed: () => undefined }, details.plannedAtMs);
  } finally {
    writer.close();
  }
}

function postgresSource(context: Context): PostgresSource {
  const source = registrySource(context);
  if (source.kind !== "postgres") throw sourceChanged();
  return source;
}

function warnOfRows({ onWarning }: Context, { table }: PostgresSource, unusable: number): void {
  if (unusable === 0) return;
  onWarning(
    `${count(unusable, "row")} of ${table.table} could not be made entries of and were left out: ids with white space, or a time that cannot be`,
  );
}

const count = (number: number, what: string) =>
  `${number.toLocaleString("en-US")} ${what}${number === 1 ? "" : "s"}`;

function sourceChanged(): RedisopsError {
  return new RedisopsError(
    "CONFIG_INCOMPLETE",
    "redisops.yaml no longer names the source that the plan was made from",
    { next: "Set it back, or make a new plan." },
  );
}
