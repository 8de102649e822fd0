import type { Redis } from "ioredis";
import type { DedupConfig } from "../../core/config/redis-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import { configuredLayout } from "../../core/filter/bitmap-filter.ts";
import { bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import type { FilterId, FilterState } from "../../core/filter/filter.ts";
import { openFilter, singleServer } from "../../core/filter/open-filter.ts";
import { redisBloomLayout } from "../../core/filter/redisbloom-layout.ts";
import { connectRedis, describeTarget, type RedisConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { Fact, Plan, RecoveryContext } from "../recovery.ts";
import { type BloomConfig, bloomConfig, timeouts } from "./bloom-config.ts";
import { openSources } from "./build.ts";
import type { IdSource, SourceSize } from "./id-source.ts";
import { type LiveMerge, mergesLive } from "./merges-live.ts";
import { replicasOf } from "./replica-probe.ts";
import { count, mebibytes, percent, sizingAdvice } from "./sizing.ts";

/** Share of maxmemory that the server keeps for everything else while two filters exist. */
const memoryReserve = 0.05;
/** Most bytes of a piece of the new filter that a worker pushes before it is put together with the others. */
const pieceBytes = 2 ** 26;

/** What execution needs of a plan. */
export interface BloomDetails {
  readonly engine: "bitmap" | "redisbloom";
  readonly ids: number;
  readonly sizeBytes: number;
  readonly mergesLive: boolean;
}

/** Bytes of a filter of the configured engine. */
function filterBytes({ filter }: DedupConfig, capacity = filter.capacity): number {
  if (filter.engine === "bitmap") {
    const layout = configuredLayout({ ...filter, capacity });
    return bytesPerShard(layout) * layout.shards;
  }
  return redisBloomLayout({ capacity, errorRate: filter.error_rate, scaling: true }).bytes;
}

/** Bytes that the server needs besides the live filter, at most. */
function neededBytes({ dedup, method }: BloomConfig, bytes: number): number {
  const loads = dedup.filter.engine === "redisbloom" && method !== "madd";
  // What is loaded is first put together in strings; a piece of it may be there twice for a moment.
  return loads ? 2 * bytes + Math.min(bytes, pieceBytes) : bytes;
}

async function memoryShortage(
  client: Redis,
  needed: number,
  target: string,
): Promise<RedisopsError | undefined> {
  const info = await client.info("memory").catch((error: unknown) => {
    throw redisError(error, target);
  });
  const read = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
  const limit = read("maxmemory");
  const used = read("used_memory");
  if (limit === 0 || used + needed <= limit * (1 - memoryReserve)) return undefined;
  return new RedisopsError(
    "MEMORY_SHORT",
    `${target} uses ${mebibytes(used)} of ${mebibytes(limit)}; the rebuild needs ${mebibytes(needed)} more`,
    { target },
  );
}

async function liveState(connection: RedisConnection, config: DedupConfig, canaries: readonly FilterId[]) {
  const filter = openFilter(connection, config.filter);
  const state = await filter.state();
  const present = await filter.has(canaries);
  const merge = await mergesLive(filter, state, config.filter);
  return { state, absent: present.filter((found) => !found).length, merge };
}

/** How the new filter gets in place. */
const swapStep: Readonly<Record<LiveMerge, string>> = {
  merged: "swap it in atomically, merged with what the live filter has learned",
  "other shape": "swap it in atomically, in place of the live filter",
  saturated: "swap it in atomically, in place of the live filter, not merged with it",
  "no live filter": "put it in place atomically",
};

const forgotten = "ids that it knows and Postgres does not are forgotten";

const mergeRisks: Readonly<Record<LiveMerge, readonly string[]>> = {
  merged: [],
  "other shape": [`the live filter cannot be merged (other shape or engine): ${forgotten}`],
  saturated: [`the live filter is saturated and must not be merged: ${forgotten}`],
  "no live filter": [],
};

/** What the sources leave uncertain. */
function sourceRisks(
  { dedup, otherWindow, window }: BloomConfig,
  found: SourceSize,
  sampled: number,
): string[] {
  const { capacity } = dedup.filter;
  return [
    ...(!found.exact && found.ids > capacity
      ? [
          `the source is estimated to hold more ids than the ${count(capacity)} that the filter is sized for: if it does, the read stops there and the live filter stays as it is`,
        ]
      : []),
    ...(found.ids > 0 && sampled === 0
      ? ["no id could be sampled (none is older than a minute): the new filter cannot be verified"]
      : []),
    ...(otherWindow
      ? [
          `only ids of the last ${spanOf(window)} are read: older ones that the live filter does not know either count as never sent, and BloomCold may hold until the configured window has passed`,
        ]
      : []),
  ];
}

/** Why the filter must not be filled, where more ids were counted than it is sized for. An estimate proves nothing. */
function tooSmall({ dedup }: BloomConfig, found: SourceSize, target: string): RedisopsError | undefined {
  if (!found.exact || found.ids <= dedup.filter.capacity) return undefined;
  return new RedisopsError(
    "FILTER_TOO_SMALL",
    `${count(found.ids)} ids are to go into a filter sized for ${count(dedup.filter.capacity)}`,
    {
      target,
      next: `Raise roles.dedup.filter.capacity to at least ${count(found.ids * 1.5)}, deploy it to the workers, then rebuild.`,
    },
  );
}

/** A span of time as redisops.yaml writes it: whole units, largest first. */
function spanOf(milliseconds: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
    ["ms", 1],
  ] as const;
  const whole = units.find(
    ([, size]) => milliseconds % size === 0 && (size < 86_400_000 || milliseconds > 2 * size),
  );
  return whole === undefined ? `${milliseconds}ms` : `${milliseconds / whole[1]}${whole[0]}`;
}

function facts(
  config: BloomConfig,
  found: {
    sources: readonly { source: IdSource; size: SourceSize }[];
    bytes: number;
    state: FilterState;
    absent: number;
    canaries: number;
    replicas: readonly string[];
  },
): Fact[] {
  const { dedup } = config;
  const { state } = found;
  const shown =
    found.canaries === 0
      ? "no id to sample"
      : `${count(found.absent)} of ${count(found.canaries)} sampled ids absent`;
  return [
    ...found.sources.map(({ source, size }) => ({
      label: "source",
      value: `${source.title}, last ${spanOf(config.window)}: ${size.exact ? "" : "about "}${count(size.ids)} ${size.repeats ? "records" : "ids"}`,
    })),
    {
      label: "live filter",
      value: state.exists
        ? `${mebibytes(state.sizeBytes)}, about ${count(state.estimatedIds)} ids, fill ${percent(state.fillRatio)}; ${shown}`
        : `does not exist; ${shown}`,
    },
    {
      label: "new filter",
      value: `${dedup.filter.engine} "${dedup.filter.key}", ${count(dedup.filter.capacity)} ids at ${percent(dedup.filter.error_rate)} false positives, ${mebibytes(found.bytes)}`,
    },
    {
      label: "replicas",
      value:
        found.replicas.length === 0
          ? "none"
          : `${found.replicas.join(", ")}; each must know sampled ids before the swap`,
    },
    ...sizingAdvice(dedup, total(found.sources.map(({ size }) => size)), (capacity) =>
      filterBytes(dedup, capacity),
    ),
  ];
}

/** All sources together; where one repeats ids or several hold the same ones, an upper bound. */
function total(sizes: readonly SourceSize[]): SourceSize {
  return {
    // Two records of the same notifications: the larger one is nearer to the number of distinct ids.
    ids: Math.max(0, ...sizes.map(({ ids }) => ids)),
    exact: sizes.every(({ exact }) => exact),
    repeats: sizes.length > 1 || sizes.some(({ repeats }) => repeats),
  };
}

/** How ids get into the new filter. */
function fillSteps({ dedup, method, postgres, kafka }: BloomConfig): string[] {
  const reading = [
    ...(postgres === undefined ? [] : ["by COPY"]),
    ...(kafka === undefined ? [] : ["from Kafka"]),
  ];
  const read = `read the ids ${reading.join(" and ")} and build the new filter`;
  if (dedup.filter.engine === "bitmap") return [`${read} in memory, then push it under a shadow key`];
  const madd = "with BF.MADD under a shadow key";
  const load = "in memory, then load it by BF.LOADCHUNK under a shadow key";
  if (method === "madd") return [`${read} ${madd}`];
  if (method === "load") return [`${read} ${load}`];
  return [`${read} ${load}, where a small filter proves that server and replicas take it; else ${madd}`];
}

/** Looks at sources, live filter, replicas and memory, and says what a rebuild would do. */
export async function planBloom(context: RecoveryContext<"bloom">): Promise<Plan<BloomDetails>> {
  const config = bloomConfig(context);
  const { dedup } = config;
  const target = describeTarget("dedup", dedup);
  const connection = await connectRedis("dedup", dedup, {
    connect: timeouts.connect,
    command: timeouts.look,
  });
  const sources = await openSources(config).catch((error: unknown) => {
    connection.close();
    throw error;
  });
  // Nothing is under way that must end in order: an interruption need not wait for an answer.
  const close = async () => {
    connection.close();
    await Promise.all(sources.map((source) => source.close()));
  };
  context.signal.addEventListener("abort", close);
  try {
    context.signal.throwIfAborted();
    const sizes = [];
    for (const source of sources) sizes.push({ source, size: await source.size() });
    const found = total(sizes.map(({ size }) => size));
    const canaries = (await Promise.all(sources.map((source) => source.sample(config.canaryIds)))).flat();
    const live = await liveState(connection, dedup, canaries);
    const replicas = await replicasOf(connection);
    const notes = await Promise.all(sources.map((source) => source.notes()));
    const bytes = filterBytes(dedup);
    const refusal =
      tooSmall(config, found, target) ??
      (await memoryShortage(singleServer(connection), neededBytes(config, bytes), target));
    return {
      target,
      facts: [
        ...facts(config, {
          sources: sizes,
          bytes,
          state: live.state,
          absent: live.absent,
          canaries: canaries.length,
          replicas,
        }),
        ...notes.flatMap((note) => note.facts),
      ],
      steps: [
        ...fillSteps(config),
        "look up sampled known-sent ids in the new filter, on the primary and each replica; stop here if one is missing",
        swapStep[live.merge],
        "add the ids that were sent meanwhile, then verify against known-sent and never-sent ids",
      ],
      risks: [
        ...mergeRisks[live.merge],
        ...sourceRisks(config, found, canaries.length),
        ...notes.flatMap((note) => note.risks),
        `until the swap, ${mebibytes(neededBytes(config, bytes))} of additional memory on the server`,
        "duplicates sent while the filter was away stay sent",
      ],
      hasChanges: found.ids > 0,
      ...(refusal === undefined ? {} : { refusal }),
      items: sizes.reduce((sum, { size }) => sum + size.ids, 0),
      details: {
        engine: dedup.filter.engine,
        ids: found.ids,
        sizeBytes: bytes,
        mergesLive: live.merge === "merged",
      },
    };
  } finally {
    context.signal.removeEventListener("abort", close);
    await close();
  }
}
