import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KafkaConfig } from "../config/kafka-section.ts";
import { messageOf, RedisopsError } from "../errors.ts";
import { connectKafka, type KafkaConnection } from "../kafka/connect.ts";
import { positionsSince } from "../kafka/positions-since.ts";
import { readPartition, topicPartitions } from "../kafka/read-partition.ts";
import { recordField } from "../kafka/record-field.ts";
import {
  type Duplicate,
  type DuplicateSpan,
  type DuplicateTotals,
  type TakeDuplicates,
  timeOf,
} from "./duplicate.ts";
import { SendFiles } from "./send-files.ts";
import { SortedRuns } from "./sorted-runs.ts";

type SentTopic = NonNullable<KafkaConfig["sent_notifications"]>;

/**
 * Finds what has several records in the topic of sent notifications, whatever their partitions. Memory is bounded: the ids
 * are spread over files in the system's temporary folder (TMPDIR), of which each fits into memory. Rejects with a
 * RedisopsError.
 */
export async function topicDuplicates(
  config: KafkaConfig,
  topic: SentTopic,
  span: DuplicateSpan,
  take: TakeDuplicates,
): Promise<DuplicateTotals> {
  const kafka = connectKafka(config);
  const folder = await onDisk(() => mkdtemp(join(tmpdir(), "redisops-audit-")));
  try {
    const files = new SendFiles(folder);
    const totals = await readTopic(kafka, topic, span, files);
    const runs = new SortedRuns(folder);
    await onDisk(async () => {
      for (const group of files.groups()) await runs.add(repeated(group, span.from));
    });
    for await (const found of runs.merged()) await take(found);
    return totals;
  } finally {
    await kafka.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function readTopic(
  kafka: KafkaConnection,
  { topic, id: place }: SentTopic,
  { from, to, window }: DuplicateSpan,
  files: SendFiles,
): Promise<DuplicateTotals> {
  let examined = 0;
  let without = 0;
  const begin = from - window;
  const { partitions } = await topicPartitions(kafka, topic);
  const first = await positionsSince(kafka, topic, begin);
  for (const { partition, low, high } of partitions) {
    await readPartition({
      kafka,
      topic,
      partition,
      from: Math.min(high, Math.max(low, first[partition] ?? high)),
      to: high,
      onBatch: (records) => {
        for (const record of records) {
          const { timestamp } = record;
          // Times of producers need not be in the order of positions.
          if (timestamp < begin || timestamp >= to) continue;
          examined += 1;
          const id = recordField(record, place);
          if (id === undefined) without += 1;
          else onDiskNow(() => files.add(id, timestamp));
        }
      },
    });
  }
  return { examined, without_id: without };
}

/** What there is several times of a group, with the last one since a moment. */
function repeated(group: readonly (readonly [id: Buffer, at: number])[], from: number): Duplicate[] {
  const sends = new Map<string, { id: Buffer; count: number; first: number; last: number }>();
  for (const [id, at] of group) {
    const key = id.toString("latin1");
    const known = sends.get(key);
    if (known === undefined) sends.set(key, { id, count: 1, first: at, last: at });
    else {
      known.count += 1;
      known.first = Math.min(known.first, at);
      known.last = Math.max(known.last, at);
    }
  }
  return [...sends.values()].flatMap(({ id, count, first, last }) =>
    count > 1 && last >= from
      ? [{ notification_id: id.toString(), sends: count, first_at: timeOf(first), last_at: timeOf(last) }]
      : [],
  );
}

function diskError(error: unknown): RedisopsError {
  if (error instanceof RedisopsError) return error;
  return new RedisopsError("AUDIT_NO_SPACE", `Cannot keep ids in ${tmpdir()}: ${messageOf(error)}`, {
    target: tmpdir(),
    cause: error,
  });
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error);
  }
}

function onDiskNow(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw diskError(error);
  }
}
