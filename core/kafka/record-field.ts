import type { KafkaRecord } from "./read-partition.ts";

/**
 * What a record has in a place: its `key`, its `value`, or a field of the JSON object that its value is. As bytes;
 * undefined where there is nothing, or neither a string nor a number.
 */
export function recordField(record: Pick<KafkaRecord, "key" | "value">, place: string): Buffer | undefined {
  if (place === "key") return record.key ?? undefined;
  if (record.value === null) return undefined;
  if (place === "value") return record.value;
  try {
    const document: unknown = JSON.parse(record.value.toString("utf8"));
    if (typeof document !== "object" || document === null) return undefined;
    const field: unknown = Object.hasOwn(document, place) ? Reflect.get(document, place) : undefined;
    return typeof field === "string" || typeof field === "number" ? Buffer.from(String(field)) : undefined;
  } catch {
    return undefined;
  }
}
