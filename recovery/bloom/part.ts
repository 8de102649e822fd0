import { RedisopsError } from "../../core/errors.ts";

/** How ids get into the filter. */
export type Method = "bitmap" | "madd" | "load";

interface PartBase {
  /** How often the run began anew: parts of an earlier attempt count no more. */
  readonly generation: number;
  readonly method: Method;
}

/** Rows of a span of time; timestamps in text that keeps their precision. */
export interface PostgresPart extends PartBase {
  readonly source: "postgres";
  readonly from: string;
  /** The first moment that does not count any more; undefined: all that follow count. */
  readonly to: string | undefined;
}

/** Records of a span of positions. */
export interface KafkaPart extends PartBase {
  readonly source: "kafka";
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** A part of a source that one process at a time reads. */
export type Part = PostgresPart | KafkaPart;

/**
 * The id of a part's chunk. It says all that a process needs that has joined the run and knows nothing else of it, such
 * as `0 bitmap postgres 2026-11-21T10:00:00.000000Z 2026-11-21T11:00:00.000000Z`.
 */
export function partId(part: Part): string {
  const own = part.source === "kafka" ? [part.partition, part.from, part.to] : [part.from, part.to ?? "on"];
  return [part.generation, part.method, part.source, ...own].join(" ");
}

/** Reads the id of a chunk. Throws PLAN_INVALID for one that another version has laid down. */
export function parsePart(id: string): Part {
  const [generation = "", method = "", source = "", first = "", second = "", third = ""] = id.split(" ");
  const known = (["bitmap", "madd", "load"] as const).find((name) => name === method);
  if (known !== undefined && /^\d+$/.test(generation) && second !== "") {
    const base = { generation: Number(generation), method: known };
    if (source === "postgres")
      return { ...base, source, from: first, to: second === "on" ? undefined : second };
    if (source === "kafka" && [first, second, third].every((text) => /^\d+$/.test(text))) {
      return { ...base, source, partition: Number(first), from: Number(second), to: Number(third) };
    }
  }
  throw new RedisopsError("PLAN_INVALID", "A part of the run was laid down by another version of redisops");
}
