import type { KafkaConnection } from "./connect.ts";

/**
 * The first position of each partition whose record is not older than that, in milliseconds since 1970; undefined where
 * there is none. Rejects with a RedisopsError.
 */
export async function positionsSince(
  kafka: KafkaConnection,
  topic: string,
  milliseconds: number,
): Promise<readonly (number | undefined)[]> {
  const reader = kafka.openReader();
  try {
    const timestamp = BigInt(Math.max(0, Math.floor(milliseconds)));
    const offsets = await reader.call(
      () => reader.consumer.listOffsets({ topics: [topic], timestamp }),
      2 * kafka.timeouts.request,
    );
    return (offsets.get(topic) ?? []).map((offset) =>
      offset === undefined || offset < 0n ? undefined : Number(offset),
    );
  } finally {
    await reader.close();
  }
}
