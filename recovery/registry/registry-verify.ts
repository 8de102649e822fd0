import { setTimeout as delay } from "node:timers/promises";
import { RegistryCold } from "../../catalog/modes/RegistryCold.ts";
import { parseDuration } from "../../core/duration.ts";
import { messageOf } from "../../core/errors.ts";
import { connectKafka } from "../../core/kafka/connect.ts";
import { instantQuery } from "../../core/prometheus.ts";
import { connectRedis, type RedisConnection } from "../../core/redis/connect.ts";
import type { ConnectionEvent } from "../../core/registry/connection-event.ts";
import { countEntries } from "../../core/registry/count-entries.ts";
import { connectedUsers } from "../../core/registry/lookup.ts";
import { isUsable } from "../../core/registry/read-event.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { Fact, Plan, RecoveryContext, Verification } from "../recovery.ts";
import type { RegistryDetails } from "./registry-details.ts";
import { type RegistrySource, redisTimeouts, registryConfig, registrySource } from "./registry-source.ts";
import { sampleTable } from "./sample-table.ts";
import { sampleTopic } from "./sample-topic.ts";
import type { SampledConnections } from "./sampled-connections.ts";

type Context = RecoveryContext<"registry">;

/** How often absent users are looked at again, and the pause before it, in milliseconds: their end may be on its way. */
const LOOKS = 3;
const PAUSE_MS = 500;
const PROMETHEUS_MS = 5_000;
/** Users in one round trip. */
const BATCH = 500;

const number = (value: number) => value.toLocaleString("en-US");
const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;

/** Looks sampled users up whom the source takes for connected, and compares the entries with Prometheus' connections. */
export async function verifyRegistry(
  context: Context,
  { details }: Plan<RegistryDetails>,
): Promise<Verification> {
  const role = registryConfig(context.config);
  const connection = await connectRedis("registry", role, redisTimeouts);
  try {
    const found = await coverage(context, connection, role.key, registrySource(context));
    const limit = Number(effectiveThresholds(RegistryCold, context.config.thresholds).coverage_ratio);
    const ttl = parseDuration(context.config.recovery.registry.entry_ttl);
    // An entry that no heartbeat has renewed in its time is rightly gone.
    const fresh = Date.now() - details.plannedAtMs < ttl / 2;
    const judged = found.sampled - found.undecided;
    const ratio = judged === 0 ? 1 : 1 - found.missing / judged;
    const entries = await countEntries(connection, role.key);
    const cold = await coldByPrometheus(context, entries, limit);
    return {
      holds: (fresh ? found.missing === 0 : ratio >= limit) && cold.holds !== true,
      facts: [
        {
          label: "connected users in the registry",
          value: `${percent(ratio)} (${number(judged - found.missing)} of ${number(judged)} sampled${
            fresh
              ? ""
              : `; ${percent(limit)} are enough, as entries without heartbeats have expired since the plan was made`
          })`,
        },
        ...(found.undecided === 0
          ? []
          : [
              {
                label: "not judged",
                value: `${number(found.undecided)} absent users whose newest event is too far on`,
              },
            ]),
        { label: "entries in the registry", value: `about ${number(entries)}` },
        cold.fact,
      ],
      figures: {
        users_sampled: judged,
        users_missing: found.missing,
        entries,
        ...(cold.coverage === undefined ? {} : { coverage_ratio: cold.coverage }),
      },
    };
  } finally {
    connection.close();
  }
}

interface Coverage {
  readonly sampled: number;
  readonly missing: number;
  readonly undecided: number;
}

async function coverage(
  context: Context,
  connection: RedisConnection,
  keyPattern: string,
  source: RegistrySource,
): Promise<Coverage> {
  if (source.kind === "postgres") return judge(context, connection, keyPattern, await sampleTable(source));
  const kafka = connectKafka(source.kafka);
  try {
    const sample = await sampleTopic(kafka, source.topic, context.signal);
    return await judge(context, connection, keyPattern, sample);
  } finally {
    await kafka.close();
  }
}

async function judge(
  { config, signal }: Context,
  connection: RedisConnection,
  keyPattern: string,
  { candidates, stillConnected }: SampledConnections,
): Promise<Coverage> {
  const now = Date.now();
  const oldest = now - parseDuration(config.recovery.registry.max_age);
  const believed = candidates.filter((event) => event.atMs >= oldest && isUsable(event, now));
  let suspects = await absent(connection, keyPattern, believed);
  let undecided = 0;
  let superfluous = 0;
  for (let look = 1; look <= LOOKS && suspects.length > 0; look++) {
    if (look > 1) await delay(PAUSE_MS, undefined, { signal });
    const connected = await stillConnected(suspects);
    undecided += connected.filter((is) => is === undefined).length;
    superfluous += connected.filter((is) => is === false).length;
    suspects = suspects.filter((_, index) => connected[index] === true);
    suspects = await absent(connection, keyPattern, suspects);
  }
  return { sampled: believed.length - superfluous, missing: suspects.length, undecided };
}

async function absent(
  connection: RedisConnection,
  keyPattern: string,
  events: readonly ConnectionEvent[],
): Promise<ConnectionEvent[]> {
  const missing: ConnectionEvent[] = [];
  for (let start = 0; start < events.length; start += BATCH) {
    const part = events.slice(start, start + BATCH);
    const users = part.map(({ userId }) => userId);
    const found = await connectedUsers(connection, keyPattern, users);
    missing.push(...part.filter((_, index) => found[index] === false));
  }
  return missing;
}

interface Cold {
  /** Whether RegistryCold holds by what Prometheus knows; undefined where that is not known. */
  readonly holds: boolean | undefined;
  readonly coverage?: number;
  readonly fact: Fact;
}

/** The mode's own measure: entries as they are now, against the connections that the servers report to Prometheus. */
async function coldByPrometheus({ config }: Context, entries: number, limit: number): Promise<Cold> {
  const label = "entries against reported connections (RegistryCold)";
  const unknown = (why: string): Cold => ({
    holds: undefined,
    fact: { label, value: `not measured: ${why}` },
  });
  if (config.prometheus === undefined) return unknown("redisops.yaml has no prometheus.url");
  try {
    const query = "sum(redisops_registry_connections)";
    const [reported] = await instantQuery(config.prometheus.url, query, PROMETHEUS_MS);
    if (reported === undefined) return unknown("no connection server reports to Prometheus");
    const { min_connections } = effectiveThresholds(RegistryCold, config.thresholds);
    if (reported.value <= Number(min_connections))
      return unknown(`${number(reported.value)} connections are too few`);
    const covered = entries / reported.value;
    return {
      holds: covered < limit,
      coverage: covered,
      fact: {
        label,
        value: `${percent(covered)} of ${number(reported.value)}; the mode holds below ${percent(limit)}`,
      },
    };
  } catch (error) {
    return unknown(messageOf(error));
  }
}
