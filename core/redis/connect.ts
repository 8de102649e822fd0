import { readFileSync } from "node:fs";
import { Cluster, Redis } from "ioredis";
import type { RedisRole } from "../../catalog/roles.ts";
import { splitAddress } from "../config/fields.ts";
import type { RedisConnectionConfig } from "../config/redis-section.ts";
import { withDeadline } from "../deadline.ts";
import { messageOf, RedisopsError } from "../errors.ts";
import { redisError } from "./redis-error.ts";

export type RedisClient = Redis | Cluster;

/** An open connection to a role. It never reconnects by itself: a lost server is an error, not a wait. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** The role and its address, for messages. */
  readonly target: string;
  close(): void;
}

export interface RedisTimeouts {
  /** Longest time until the connection is usable, in milliseconds. */
  readonly connect: number;
  /** Longest time for one command, in milliseconds. */
  readonly command: number;
}

/** The role and where it is configured to be, such as `dedup Redis at 127.0.0.1:6380`. */
export function describeTarget(role: RedisRole, config: RedisConnectionConfig): string {
  switch (config.topology) {
    case "standalone":
      return `${role} Redis at ${config.address}`;
    case "sentinel":
      return `${role} Redis (primary ${config.primary} of Sentinels ${config.sentinels.join(", ")})`;
    case "cluster":
      return `${role} Redis Cluster at ${config.nodes.join(", ")}`;
  }
}

function tlsOptions(config: RedisConnectionConfig, target: string) {
  if (config.tls === undefined) return {};
  const read = (path: string | undefined) => {
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      throw new RedisopsError(
        "SECRET_UNRESOLVED",
        `Cannot read the TLS file ${path} for ${target}: ${messageOf(error)}`,
      );
    }
  };
  return {
    tls: {
      ca: read(config.tls.ca_file),
      cert: read(config.tls.cert_file),
      key: read(config.tls.key_file),
      servername: config.tls.server_name,
    },
  };
}

function createClient(config: RedisConnectionConfig, target: string, timeouts: RedisTimeouts): RedisClient {
  const options = {
    lazyConnect: true,
    protocol: 2 as const,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: timeouts.connect,
    commandTimeout: timeouts.command,
    connectionName: "redisops",
    username: config.username,
    password: config.password?.reveal(),
    ...tlsOptions(config, target),
  };
  switch (config.topology) {
    case "standalone":
      return new Redis({ ...options, ...splitAddress(config.address) });
    case "sentinel":
      return new Redis({
        ...options,
        sentinels: config.sentinels.map(splitAddress),
        name: config.primary,
        sentinelPassword: config.sentinel_password?.reveal(),
        sentinelRetryStrategy: () => null,
        sentinelCommandTimeout: timeouts.command,
        enableTLSForSentinelMode: config.tls !== undefined,
      });
    case "cluster":
      return new Cluster(config.nodes.map(splitAddress), {
        lazyConnect: true,
        enableReadyCheck: false,
        enableOfflineQueue: false,
        clusterRetryStrategy: () => null,
        slotsRefreshTimeout: timeouts.connect,
        redisOptions: options,
      });
  }
}

/**
 * Connects to a role. Rejects with a RedisopsError whose code tells refused, hung, unreachable and rejected
 * credentials apart, at the latest when `timeouts.connect` is over.
 */
export async function connectRedis(
  role: RedisRole,
  config: RedisConnectionConfig,
  timeouts: RedisTimeouts,
): Promise<RedisConnection> {
  const target = describeTarget(role, config);
  const client = createClient(config, target, timeouts);
  let lastError: unknown;
  client.on("error", (error: unknown) => {
    lastError = error;
  });
  try {
    await withDeadline(
      client.connect(),
      timeouts.connect,
      () => new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target }),
    );
  } catch (error) {
    client.disconnect();
    throw redisError(lastError ?? error, target);
  }
  return { client, target, close: () => client.disconnect() };
}
