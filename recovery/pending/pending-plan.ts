import { Cluster } from "ioredis";
import type pg from "pg";
import { RegistryCold } from "../../catalog/modes/RegistryCold.ts";
import type { Config } from "../../core/config/schema.ts";
import { formatDuration } from "../../core/duration.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { depthAndOldest } from "../../core/pending-deliveries/backlog.ts";
import { batchStatements } from "../../core/pending-deliveries/batch-statements.ts";
import { connectPostgres, describePostgres } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { sampleByTime } from "../../core/postgres/sample-by-time.ts";
import { instantQuery } from "../../core/prometheus.ts";
import { commandError, connectRedis, describeTarget } from "../../core/redis/connect.ts";
import { signalPromql } from "../../core/signal/promql.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { Fact, Plan, RecoveryContext } from "../recovery.ts";
import { openDelivery } from "./delivery/open-delivery.ts";
import { type PendingConfig, type PendingDetails, pendingConfig, timeouts } from "./pending-config.ts";
import { sampleBoundaries } from "./ranges.ts";
import { Recipients } from "./recipients.ts";
import { countSetAside, notCreatable, setAsideState } from "./set-aside.ts";

/** Recipients who are looked up, and fewer than which say nothing about the registry. */
const sampledUsers = 400;
const fewUsers = 10;
/** Name under which the library's delivery workers connect to Postgres. */
const workersName = "redisops-delivery-worker";

const count = (value: number) => value.toLocaleString("en-US");
const people = (value: number) => (value === 1 ? "1 recipient" : `${count(value)} recipients`);
const upTo = (value: number, limit: number) => (value >= limit ? `at least ${count(value)}` : count(value));

/** What Postgres says of the waiting messages. */
async function lookAtTable(client: pg.Client, pending: PendingConfig, limit: number) {
  const { rows } = await client.query<{ now: string; workers: number }>(
    `SELECT clock_timestamp()::text AS now,
            (SELECT count(*)::integer FROM pg_stat_activity
             WHERE application_name = '${workersName}' AND datname = current_database()) AS workers`,
  );
  // Says which column is missing before anything is handed over.
  await client.query(batchStatements(pending.pending).oldest, [[], 1, 1, "now"]);
  const { depth, oldest } = await depthAndOldest(client, pending.pending, limit);
  const users =
    depth === 0
      ? []
      : await sampleByTime(client, {
          table: pending.pending.table,
          column: pending.pending.user_column,
          timeColumn: pending.pending.created_at_column,
          minAgeSeconds: 0,
          count: sampledUsers,
        });
  return {
    startedAt: rows[0]?.now ?? "now",
    workers: rows[0]?.workers ?? 0,
    depth,
    oldest,
    users: [...new Set(users)],
    boundaries: await sampleBoundaries(client, pending.pending, depth),
    setAside: await countSetAside(client, pending, limit),
    asideTable: await setAsideState(client, pending),
  };
}

/** Number of keys of the registry. */
async function registryKeyCount(config: PendingConfig["registry"]): Promise<number> {
  const connection = await connectRedis("registry", config, timeouts);
  try {
    const { client } = connection;
    const nodes = client instanceof Cluster ? client.nodes("master") : [client];
    const sizes = await Promise.all(nodes.map((node) => node.dbsize()));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch (error) {
    throw commandError(error, connection);
  } finally {
    connection.close();
  }
}

/** What is known of the registry: who of the recipients is connected, and why it must not be relied on. */
async function lookAtRegistry(
  config: Config,
  { registry }: PendingConfig,
  users: readonly string[],
  signal: AbortSignal,
) {
  const target = describeTarget("registry", registry);
  const recipients = new Recipients(registry, { patient: false });
  const cold = (what: string) =>
    new RedisopsError(
      "REGISTRY_COLD",
      `${target} ${what}: messages would be left waiting for people who are connected`,
      {
        target,
      },
    );
  try {
    const keys = await registryKeyCount(registry);
    const connected = (await recipients.find(users, signal)).size;
    if (keys === 0 && users.length > 0) return { connected, refusal: cold("has no entry at all") };
    if (config.prometheus === undefined) return { connected };
    const promql = signalPromql(RegistryCold.signal, effectiveThresholds(RegistryCold, config.thresholds));
    const [found] = await instantQuery(config.prometheus.url, promql, timeouts.command);
    if (found === undefined) return { connected };
    return {
      connected,
      refusal: cold(`knows only ${(found.value * 100).toFixed(0)} % of the live connections`),
    };
  } catch (error) {
    const refusal = toRedisopsError(error);
    if (refusal.code === "PROMETHEUS_UNAVAILABLE") return { connected: undefined, unknown: refusal.message };
    return { connected: undefined, refusal };
  } finally {
    recipients.close();
  }
}

async function lookAtDelivery(config: Config): Promise<{ target: string; refusal?: RedisopsError }> {
  const delivery = openDelivery(config);
  try {
    await delivery.reach();
    return { target: delivery.target };
  } catch (error) {
    return { target: delivery.target, refusal: toRedisopsError(error) };
  } finally {
    await delivery.close();
  }
}

/** Plans the drain: how much waits, since when, for how many who are connected, and whether it can be handed over. */
export async function planPending(context: RecoveryContext<"pending">): Promise<Plan<PendingDetails>> {
  const { config, options, signal } = context;
  const pending = pendingConfig(config);
  const limit = config.exporter.pending_count_limit;
  const database = await connectPostgres(pending.postgres, timeouts);
  const table = await lookAtTable(database.client, pending, limit)
    .catch((error: unknown) => {
      throw postgresError(error, database.target);
    })
    .finally(() => database.close());
  const [registry, delivery] = await Promise.all([
    lookAtRegistry(config, pending, table.users, signal),
    lookAtDelivery(config),
  ]);
  const putsBack = options["retry-set-aside"] === true && table.setAside > 0;
  const share =
    registry.connected === undefined || table.users.length === 0
      ? 1
      : registry.connected / table.users.length;
  const nobody = registry.connected === 0 && table.users.length >= fewUsers;
  const { max_attempts } = config.recovery.pending;
  const mayCreate = table.asideTable.exists || table.asideTable.creatable;
  const refusal = registry.refusal ?? delivery.refusal ?? (mayCreate ? undefined : notCreatable(pending));
  const facts: Fact[] = [
    { label: "waiting messages", value: upTo(table.depth, limit) },
    ...(table.oldest === undefined || !Number.isFinite(table.oldest)
      ? []
      : [{ label: "oldest waits", value: formatDuration(Math.max(0, Date.now() - table.oldest * 1_000)) }]),
    {
      label: "connected",
      value:
        registry.connected === undefined
          ? "not known"
          : `${count(registry.connected)} of ${people(table.users.length)} sampled`,
    },
    {
      label: "delivery",
      value: `${delivery.target}${delivery.refusal === undefined ? "" : ", not reachable"}`,
    },
    {
      label: "delivery workers",
      value: table.workers === 0 ? "none of the library’s has a session" : `${count(table.workers)} sessions`,
    },
    { label: "set aside before", value: upTo(table.setAside, limit) },
  ];
  return {
    target: `table ${pending.pending.table} of ${describePostgres(pending.postgres)}`,
    facts,
    steps: [
      ...(putsBack ? [`put back ${upTo(table.setAside, limit)} messages that were set aside`] : []),
      "look up who of the recipients is connected, and leave the others’ messages where they are",
      `hand over each recipient’s messages in order, to ${delivery.target}, and remove each after its acknowledgement`,
      `set a message aside in ${pending.aside} after ${max_attempts} refusals, so that those behind it go on`,
      "go over the table again until a whole pass finds nobody who is connected and has messages waiting",
    ],
    risks: [
      "a message is handed over twice when this process or Postgres dies between its acknowledgement and its removal: receivers have to know message ids that they were given before",
      ...(table.workers > 0
        ? [
            "delivery workers are draining at the same time: nobody is served by two at once, and both share the load",
          ]
        : []),
      ...(nobody
        ? [
            "none of the sampled recipients is connected: if people are online, fill the registry first (redisops recover registry)",
          ]
        : []),
      ...("unknown" in registry && registry.unknown !== undefined
        ? [`it is not known whether the registry has its entries: ${registry.unknown}`]
        : []),
    ],
    hasChanges: table.depth > 0 || putsBack,
    ...(refusal === undefined ? {} : { refusal }),
    items: Math.round(table.depth * share) + (putsBack ? table.setAside : 0),
    details: { startedAt: table.startedAt, boundaries: table.boundaries, waiting: table.depth },
  };
}
