import type { Redis } from "ioredis";
import type { PostgresConfig, SentNotificationsConfig } from "../../core/config/postgres-section.ts";
import type { DedupConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import { configuredLayout } from "../../core/filter/bitmap-filter.ts";
import { bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import type { FilterState } from "../../core/filter/filter.ts";
import { openFilter, singleServer } from "../../core/filter/open-filter.ts";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { countRows, type SourceCount, sampleSentIds, sentIdsQuery } from "../../core/postgres/sent-ids.ts";
import { connectRedis, describeTarget, type RedisConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { Fact, Plan, RecoveryContext } from "../recovery.ts";
import { ask, moments, newestRow } from "./bloom-source.ts";
import { type LiveMerge, mergesLive } from "./merges-live.ts";

/**
 * Milliseconds for connecting, for one command, for one of the small Redis commands that the plan needs, and for
 * counting the source exactly.
 */
export const timeouts = { connect: 5_000, command: 30_000, look: 5_000, count: 2_000 };

/** Share of maxmemory that the server keeps for everything else while two filters exist. */
const memoryReserve = 0.05;

/** The parts of the configuration that the rebuild needs. */
export interface BloomConfig {
  readonly dedup: DedupConfig;
  readonly postgres: PostgresConfig;
  readonly source: SentNotificationsConfig;
  readonly canaryIds: number;
}

/** What execution needs of a plan. */
export interface BloomDetails {
  readonly engine: "bitmap" | "redisbloom";
  readonly ids: number;
  readonly sizeBytes: number;
  readonly mergesLive: boolean;
}

/** Picks what the rebuild needs. Throws CONFIG_INCOMPLETE, naming what is missing. */
export function bloomConfig(config: Config): BloomConfig {
  const { roles, postgres, exporter } = config;
  if (roles.dedup === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no roles.dedup: there is no filter to rebuild",
    );
  }
  const source = postgres?.tables.sent_notifications;
  if (postgres === undefined || source === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no postgres.tables.sent_notifications: there is no source to rebuild from",
    );
  }
  return { dedup: roles.dedup, postgres, source, canaryIds: exporter.canary_ids };
}

function filterBytes(config: DedupConfig): number {
  if (config.filter.engine === "bitmap") {
    const layout = configuredLayout(config.filter);
    return bytesPerShard(layout) * layout.shards;
  }
  // RedisBloom halves the error of a scaling filter's first link; bits per entry are -ln(e) / (ln 2)^2.
  const bitsPerEntry = -Math.log(config.filter.error_rate / 2) / Math.LN2 ** 2;
  return Math.ceil(Math.floor(config.filter.capacity * bitsPerEntry) / 64) * 8;
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

/** A size for a reader. */
function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

const count = (value: number) => Math.round(value).toLocaleString("en-US");
const percent = (ratio: number) => `${(ratio * 100).toFixed(ratio < 0.1 ? 2 : 1)} %`;

async function liveState(connection: RedisConnection, config: DedupConfig, canaries: readonly string[]) {
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

/** What the source leaves uncertain. */
function sourceRisks({ dedup }: BloomConfig, found: SourceCount, sampled: number): string[] {
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
  ];
}

/** Why the filter must not be filled, where more ids were counted than it is sized for. An estimate proves nothing. */
function tooSmall({ dedup }: BloomConfig, found: SourceCount, target: string): RedisopsError | undefined {
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

/** Why there must be a mistake, where the window holds nothing although the table has rows. */
async function outsideWindow(
  database: PostgresConnection,
  source: SentNotificationsConfig,
): Promise<RedisopsError | undefined> {
  const newest = await ask(database, (client) => newestRow(client, source));
  if (newest === undefined) return undefined;
  return new RedisopsError(
    "FILTER_SOURCE_EMPTY",
    `${source.table} has rows, but none within the last ${source.window}: the newest ${source.sent_at_column} is ${newest}`,
    { target: database.target },
  );
}

function facts(
  config: BloomConfig,
  found: { source: SourceCount; bytes: number; state: FilterState; absent: number; canaries: number },
): Fact[] {
  const { dedup, source } = config;
  const { state } = found;
  const shown =
    found.canaries === 0
      ? "no id to sample"
      : `${count(found.absent)} of ${count(found.canaries)} sampled ids absent`;
  return [
    {
      label: "source",
      value: `Postgres ${source.table}.${source.id_column}, last ${source.window}: ${found.source.exact ? "" : "about "}${count(found.source.ids)} ids`,
    },
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
  ];
}

/** Looks at source, live filter and memory, and says what a rebuild would do. */
export async function planBloom(context: RecoveryContext): Promise<Plan<BloomDetails>> {
  const config = bloomConfig(context.config);
  const { dedup, postgres, source } = config;
  const target = describeTarget("dedup", dedup);
  const connection = await connectRedis("dedup", dedup, {
    connect: timeouts.connect,
    command: timeouts.look,
  });
  const database = await connectPostgres(postgres, {
    connect: timeouts.connect,
    statement: timeouts.command,
  }).catch((error: unknown) => {
    connection.close();
    throw error;
  });
  // Nothing is under way that must end in order: an interruption need not wait for an answer.
  const close = () => {
    connection.close();
    return database.close();
  };
  context.signal.addEventListener("abort", close);
  try {
    context.signal.throwIfAborted();
    const { from } = await ask(database, (client) => moments(client, source));
    const sourceCount = await ask(database, (client) =>
      countRows(client, sentIdsQuery(client, source, from), timeouts.count),
    );
    const canaries = await ask(database, (client) => sampleSentIds(client, source, config.canaryIds));
    const live = await liveState(connection, dedup, canaries);
    const bytes = filterBytes(dedup);
    const refusal =
      (sourceCount.ids === 0 ? await outsideWindow(database, source) : undefined) ??
      tooSmall(config, sourceCount, target) ??
      (await memoryShortage(singleServer(connection), bytes, target));
    return {
      target,
      facts: facts(config, {
        source: sourceCount,
        bytes,
        state: live.state,
        absent: live.absent,
        canaries: canaries.length,
      }),
      steps: [
        `read the ids by COPY and build the new filter ${dedup.filter.engine === "bitmap" ? "in memory, then push it" : "with BF.MADD"} under a shadow key`,
        "look up sampled known-sent ids in the new filter; stop here if one is missing",
        swapStep[live.merge],
        "add the ids that were sent meanwhile, then verify against known-sent and never-sent ids",
      ],
      risks: [
        ...mergeRisks[live.merge],
        ...sourceRisks(config, sourceCount, canaries.length),
        `until the swap, ${mebibytes(bytes)} of additional memory on the server`,
        "duplicates sent while the filter was away stay sent",
      ],
      hasChanges: sourceCount.ids > 0,
      ...(refusal === undefined ? {} : { refusal }),
      items: sourceCount.ids,
      details: {
        engine: dedup.filter.engine,
        ids: sourceCount.ids,
        sizeBytes: bytes,
        mergesLive: live.merge === "merged",
      },
    };
  } finally {
    context.signal.removeEventListener("abort", close);
    await close();
  }
}
