import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { Filter } from "../../core/filter/filter.ts";
import { openFilter } from "../../core/filter/open-filter.ts";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { copyIds } from "../../core/postgres/copy-ids.ts";
import { idText } from "../../core/postgres/copy-tuples.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { sampleSentIds, sentIdsQuery, settleSeconds } from "../../core/postgres/sent-ids.ts";
import { connectRedis } from "../../core/redis/connect.ts";
import type { Plan, RecoveryContext, Run } from "../recovery.ts";
import { BitmapShadow } from "./bitmap-shadow.ts";
import { type BloomConfig, type BloomDetails, bloomConfig, timeouts } from "./bloom-plan.ts";
import { ask, moments } from "./bloom-source.ts";
import { mergesLive } from "./merges-live.ts";
import { RedisBloomShadow } from "./redisbloom-shadow.ts";
import { afterSwap, type CopyIds } from "./shadow-filter.ts";

/** Ids per round trip of the catch-up. */
const catchUpBatch = 500;
/** Longest wait for removing shadow keys after a failure, in milliseconds; they expire by themselves otherwise. */
const discardDeadline = 2_000;

/** A copy whose failures are errors for the reader, and whose interruption is the signal's reason. */
function copyFrom(database: PostgresConnection, query: string, signal?: AbortSignal): CopyIds {
  return async ({ onId, onChunk }) => {
    try {
      const { ids } = await copyIds(database.client, {
        query,
        onId,
        onChunk,
        ...(signal === undefined ? {} : { signal }),
      });
      return ids;
    } catch (error) {
      signal?.throwIfAborted();
      throw postgresError(error, database.target);
    }
  };
}

/** The same copy, ended before the filter holds more than it is sized for: the plan may have known an estimate only. */
function within(capacity: number, target: string, copy: CopyIds): CopyIds {
  return ({ onId, onChunk }) =>
    copy({
      onId,
      onChunk: (ids) => {
        if (ids <= capacity) return onChunk(ids);
        throw new RedisopsError(
          "FILTER_TOO_SMALL",
          `The source holds more than the ${capacity.toLocaleString("en-US")} ids that the filter is sized for`,
          { target },
        );
      },
    });
}

/** Adds what was sent since shortly before the read began. Adding an id twice changes nothing. */
async function catchUp(
  database: PostgresConnection,
  query: string,
  filter: Filter,
  signal?: AbortSignal,
): Promise<void> {
  let batch: string[] = [];
  await copyFrom(
    database,
    query,
    signal,
  )({
    onId: (bytes, start, end) => batch.push(idText(bytes, start, end)),
    onChunk: async () => {
      const ready = batch;
      batch = [];
      for (let start = 0; start < ready.length; start += catchUpBatch) {
        await filter.add(ready.slice(start, start + catchUpBatch));
      }
    },
  });
  await filter.add(batch);
}

/** Rejects when a sampled id that was sent before the read began is absent from the new filter. */
async function requireComplete(
  database: PostgresConnection,
  { source, canaryIds }: BloomConfig,
  readBegan: number,
  filter: Filter,
) {
  const minAge = settleSeconds + (performance.now() - readBegan) / 1000;
  const ids = await ask(database, (client) => sampleSentIds(client, source, canaryIds, minAge));
  const present = await filter.has(ids);
  const absent = present.filter((found) => !found).length;
  if (absent === 0) return;
  throw new RedisopsError(
    "VERIFICATION_FAILED",
    `The new filter lacks ${absent} of ${ids.length} sampled known-sent ids; it was not put in place`,
    {
      next: "Run the command again. If it fails again, look for what removes or changes shadow keys, and for rows that turn up in Postgres long after their sent_at.",
    },
  );
}

/** Builds the filter beside the live one, checks it, swaps it in, and adds what was sent meanwhile. */
export async function executeBloom(
  context: RecoveryContext,
  plan: Plan<BloomDetails>,
  run: Run,
): Promise<void> {
  const config = bloomConfig(context.config);
  const { dedup, postgres, source } = config;
  const { signal } = context;
  const connection = await connectRedis("dedup", dedup, timeouts);
  // The copy closes the connection that it fails on, so everything else uses one of its own.
  const reader = await connectPostgres(postgres, { connect: timeouts.connect, statement: 0 }).catch(
    (error: unknown) => {
      connection.close();
      throw error;
    },
  );
  const database = await connectPostgres(postgres, {
    connect: timeouts.connect,
    statement: timeouts.command,
  }).catch(async (error: unknown) => {
    connection.close();
    await reader.close();
    throw error;
  });
  const key = `${dedup.filter.key}:shadow:${run.id}`;
  const options = { connection, config: dedup, key, context };
  const shadow = dedup.filter.engine === "bitmap" ? new BitmapShadow(options) : new RedisBloomShadow(options);
  const live = openFilter(connection, dedup.filter);
  // The live filter may have been lost, filled or replaced since the plan was made.
  const decide = async () => (await mergesLive(live, await live.state(), dedup.filter)) === "merged";
  try {
    const readBegan = performance.now();
    const { from, recent } = await ask(database, (client) => moments(client, source));
    // A timeout that the role or the database sets would end a long read.
    await ask(reader, (client) => client.query("SET statement_timeout = 0"));
    const missedQuery = sentIdsQuery(database.client, source, recent);
    try {
      const all = copyFrom(reader, sentIdsQuery(database.client, source, from), signal);
      await run.step("build", () =>
        shadow.fill(within(dedup.filter.capacity, connection.target, all), plan.items),
      );
      await run.step("check", () => requireComplete(database, config, readBegan, shadow.filter));
      let merge = plan.details.mergesLive && (await decide());
      if (!merge) {
        await run.step("catch up", () => catchUp(reader, missedQuery, shadow.filter, signal));
        merge = await decide();
      }
      await run.step("swap", () => shadow.swap(merge));
    } catch (error) {
      await withDeadline(shadow.discard(), discardDeadline, () => new Error("timed out")).catch(
        () => undefined,
      );
      throw error;
    }
    // The new filter is live: to stop before it has everything would be no safe point.
    await run
      .finish("catch up live", () => catchUp(reader, missedQuery, live))
      .catch((error: unknown) => {
        throw afterSwap(error);
      });
  } finally {
    connection.close();
    await Promise.all([reader.close(), database.close()]);
  }
}
