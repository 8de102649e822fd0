import calculateSlot from "cluster-key-slot";
import { Cluster, Redis, ReplyError } from "ioredis";
import type { ErrorClass } from "../../catalog/error-class.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import { splitAddress } from "../../core/address.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { clientOptions } from "../../core/redis/client-options.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { ConnectionLoss, theServer } from "./connection-loss.ts";
import { groupWrites } from "./group-writes.ts";

export type RedisClient = Redis | Cluster;

/** Longest time for a connection to come about, in milliseconds; longer than any decision waits. */
const connectTimeout = 1_000;
/** Cluster: the slot map is read anew this often, in milliseconds, and whenever a node fails. */
const slotsRefreshInterval = 5_000;

/** Milliseconds until a cluster whose primaries all failed is asked again whether it is ready. */
const askAgain = 50;

const slotCount = 16_384;

/** Milliseconds before the next attempt to connect: quick at first, at most a second apart, spread by a quarter. */
function reconnectDelay(attempt: number): number {
  return Math.min(1_000, 25 * 2 ** Math.min(attempt, 6)) * (0.75 + Math.random() * 0.5);
}

/** A long-lived connection to a role that reconnects by itself and never queues a command for later. */
export interface ReconnectingClient {
  readonly client: RedisClient;
  /** The server that answers for the key: breakers are kept for each. Always the same one outside a cluster. */
  serverOf(key: string): string;
  /** All servers that {@link ReconnectingClient.serverOf} names at this moment. */
  servers(): ReadonlySet<string>;
  /** In which way a command to the server failed; see {@link ConnectionLoss.classify}. */
  classify(error: unknown, server: string): ErrorClass;
  /** Drops the connection to a server whose commands fail in this way, and looks for its successor. */
  reconnect(server: string, reason: ErrorClass): void;
  /** Resolves with true when the server answers, or with false after so many milliseconds. */
  whenReady(milliseconds: number): Promise<boolean>;
  close(): void;
}

function options(config: RedisConnectionConfig, target: string) {
  return {
    ...clientOptions(config, target, { connect: connectTimeout, command: 60_000 }),
    lazyConnect: false,
    connectionName: "redisops-fallbacks",
    retryStrategy: reconnectDelay,
    // The guard has its own deadline, cheaper than a timer for every command.
    commandTimeout: undefined,
  };
}

function create(config: RedisConnectionConfig, target: string): RedisClient {
  const common = options(config, target);
  switch (config.topology) {
    case "standalone":
      return new Redis({ ...common, ...splitAddress(config.address) });
    case "sentinel":
      return new Redis({
        ...common,
        sentinels: config.sentinels.map(splitAddress),
        name: config.primary,
        sentinelPassword: config.sentinel_password?.reveal(),
        ...("tls" in common ? { enableTLSForSentinelMode: true, sentinelTLS: common.tls } : {}),
        sentinelRetryStrategy: reconnectDelay,
        sentinelCommandTimeout: connectTimeout,
        failoverDetector: true,
      });
    case "cluster": {
      // Without these two the nodes get ioredis's own: a lost one is dropped and found again by the slot map.
      const { retryStrategy: _retry, enableOfflineQueue: _queue, ...nodeOptions } = common;
      return new Cluster(config.nodes.map(splitAddress), {
        enableReadyCheck: false,
        enableOfflineQueue: false,
        clusterRetryStrategy: reconnectDelay,
        retryDelayOnClusterDown: 0,
        retryDelayOnFailover: 0,
        maxRedirections: 4,
        slotsRefreshInterval,
        slotsRefreshTimeout: connectTimeout / 2,
        // Certificates are issued to names.
        dnsLookup: (address, callback) => callback(null, address),
        redisOptions: nodeOptions,
      });
    }
  }
}

/** Every new connection logs in with what the references stand for by then, so that a rotated password counts. */
function readPasswords(client: Redis, config: RedisConnectionConfig): void {
  try {
    if (config.password !== undefined) client.options.password = config.password.reveal();
    if (config.topology !== "sentinel" || config.sentinel_password === undefined) return;
    client.options.sentinelPassword = config.sentinel_password.reveal();
  } catch {
    // The one that was read before may still be right.
  }
}

function serverOfSlot(cluster: Cluster, slot: number): string {
  return cluster.slots[slot]?.[0] ?? "unassigned";
}

/** Whether a server answers. An error reply, such as that the user may not PING, is an answer too. */
async function answers(server: Redis): Promise<boolean> {
  try {
    await server.ping();
    return true;
  } catch (error) {
    return error instanceof ReplyError;
  }
}

/**
 * Waits until the server answers; in a cluster until each primary has answered or failed, and one has answered, as the
 * connections to them come about with their first commands.
 */
async function answersWithin(client: RedisClient, milliseconds: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), milliseconds);
  const givenUp = () => resolve(false);
  const ask = async () => {
    const servers = client instanceof Cluster ? client.nodes("master") : [client];
    const answered = await Promise.all(servers.map(answers));
    if (answered.includes(true)) resolve(true);
    else if (client instanceof Cluster && !decided) again = setTimeout(ask, askAgain);
  };
  let again: NodeJS.Timeout | undefined;
  let decided = false;
  client.on("ready", ask);
  client.once("end", givenUp);
  if (client.status === "ready") void ask();
  const ready = await promise;
  decided = true;
  clearTimeout(timer);
  clearTimeout(again);
  client.off("ready", ask);
  client.off("end", givenUp);
  return ready;
}

/** Opens a connection in the background; the role may be away at that moment. */
export function openClient(role: RedisRole, config: RedisConnectionConfig): ReconnectingClient {
  const client = create(config, describeTarget(role, config));
  const loss = new ConnectionLoss(client);
  if (client instanceof Cluster) {
    client.on("+node", (node: Redis) => {
      groupWrites(node);
      readPasswords(node, config);
    });
  } else {
    groupWrites(client);
    client.on("reconnecting", () => readPasswords(client, config));
  }
  let dropped: unknown;
  return {
    client,
    serverOf: (key) => (client instanceof Cluster ? serverOfSlot(client, calculateSlot(key)) : theServer),
    servers: () =>
      client instanceof Cluster
        ? new Set(Array.from({ length: slotCount }, (_, slot) => serverOfSlot(client, slot)))
        : new Set([theServer]),
    classify: (error, server) => loss.classify(error, server),
    reconnect(server, reason) {
      loss.gaveUp(server, reason);
      if (client instanceof Cluster) {
        const node = client.nodes("all").find(({ options: at }) => `${at.host}:${at.port}` === server);
        node?.disconnect();
        client.refreshSlotsCache(() => undefined);
      } else if (client.stream !== dropped && (client.status === "ready" || client.status === "connect")) {
        dropped = client.stream;
        client.disconnect(true);
      }
    },
    whenReady: (milliseconds) => answersWithin(client, milliseconds),
    close: () => client.disconnect(),
  };
}
