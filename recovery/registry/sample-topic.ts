import { randomInt } from "node:crypto";
import type { KafkaConnection } from "../../core/kafka/connect.ts";
import { readPartition, type TopicPartition, topicPartitions } from "../../core/kafka/read-partition.ts";
import { type ConnectionEvent, decisiveEvent } from "../../core/registry/connection-event.ts";
import { readConnectionEvent } from "../../core/registry/read-event.ts";
import type { SampledConnections } from "./sampled-connections.ts";

/** Positions that are looked at in one place, and places, over all partitions. */
const POSITIONS_OF_PLACE = 50;
const PLACES = 40;
const FETCH_BYTES = 65_536;
/** Longest time for reading on, in milliseconds. */
const READ_ON_MS = 30_000;

interface Candidate {
  readonly event: ConnectionEvent;
  readonly partition: number;
  readonly position: number;
}

/** Samples the connections of a topic: those of random places in each partition, and of its end. */
export async function sampleTopic(
  kafka: KafkaConnection,
  topic: string,
  signal: AbortSignal,
): Promise<SampledConnections> {
  const { partitions } = await topicPartitions(kafka, topic);
  const candidates = new Map<string, Candidate>();
  const places = Math.max(2, Math.ceil(PLACES / Math.max(1, partitions.length)));
  for (const chosen of draw(partitions)) {
    const { partition } = chosen;
    for (const [from, to] of placesOf(chosen, places)) {
      await readPartition({
        kafka,
        topic,
        partition,
        from,
        to,
        fetchBytes: FETCH_BYTES,
        signal,
        onBatch: (records) => {
          for (const { offset, value } of records) {
            const event = value === null ? undefined : readConnectionEvent(value, Date.now());
            if (event === undefined) continue;
            const known = candidates.get(event.userId)?.event;
            const decisive = known === undefined ? event : decisiveEvent(known, event);
            candidates.set(event.userId, { event: decisive, partition, position: offset });
          }
        },
      });
    }
  }
  for (const [user, { event }] of candidates) if (event.kind === "disconnected") candidates.delete(user);
  return {
    candidates: [...candidates.values()].map(({ event }) => event),
    stillConnected: (suspects) =>
      readOn(
        kafka,
        topic,
        signal,
        suspects.flatMap(({ userId }) => candidates.get(userId) ?? []),
      ),
  };
}

/** All partitions, or as many random ones as there are places. */
function draw(partitions: readonly TopicPartition[]): TopicPartition[] {
  const left = [...partitions];
  while (left.length > PLACES) left.splice(randomInt(left.length), 1);
  return left;
}

/** Ranges of positions: the end, and random ones before it, in rising order and without overlap. */
function placesOf({ low, high }: TopicPartition, places: number): (readonly [number, number])[] {
  const end = Math.max(low, high - POSITIONS_OF_PLACE);
  const starts = new Set([end]);
  for (let place = 1; place < places && end > low; place++) starts.add(low + randomInt(end - low));
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.map((start, place) => {
    const next = sorted[place + 1] ?? high;
    return [start, Math.min(start + POSITIONS_OF_PLACE, next)] as const;
  });
}

/** Reads on from where the suspects were met to the partitions' ends, for what became of them. */
async function readOn(
  kafka: KafkaConnection,
  topic: string,
  signal: AbortSignal,
  suspects: readonly Candidate[],
): Promise<(boolean | undefined)[]> {
  const { partitions } = await topicPartitions(kafka, topic);
  const newest = new Map(suspects.map(({ event }) => [event.userId, event]));
  const decided = new Set<number>();
  const deadline = AbortSignal.timeout(READ_ON_MS);
  for (const { partition, high } of partitions) {
    const here = suspects.filter((suspect) => suspect.partition === partition);
    if (here.length === 0) continue;
    const from = here.reduce((least, { position }) => Math.min(least, position), high);
    try {
      await readPartition({
        kafka,
        topic,
        partition,
        from,
        to: high,
        signal: AbortSignal.any([signal, deadline]),
        onBatch: (records) => {
          for (const { key, value } of records) {
            const known = key === null ? undefined : newest.get(key.toString("utf8"));
            if (known === undefined || value === null) continue;
            const event = readConnectionEvent(value, Date.now());
            if (event?.userId === known.userId) newest.set(known.userId, decisiveEvent(known, event));
          }
        },
      });
      decided.add(partition);
    } catch (error) {
      signal.throwIfAborted();
      if (!deadline.aborted) throw error;
    }
  }
  return suspects.map(({ event, partition }) =>
    decided.has(partition) ? newest.get(event.userId)?.kind === "connected" : undefined,
  );
}
