import type { RedisConnectionConfig } from "../config/redis-section.ts";
import { readTlsFiles } from "../config/tls-files.ts";

/** How long a connection may take, and each command on it. */
export interface RedisTimeouts {
  /** Longest time until the connection is usable, in milliseconds. */
  readonly connect: number;
  /** Longest time for one command, in milliseconds. */
  readonly command: number;
}

function tlsOptions(config: RedisConnectionConfig, target: string) {
  if (config.tls === undefined) return {};
  return { tls: { ...readTlsFiles(config.tls, target), servername: config.tls.server_name } };
}

/** Options of a client that connects once, when it is told to, and never again. */
export function clientOptions(config: RedisConnectionConfig, target: string, timeouts: RedisTimeouts) {
  return {
    lazyConnect: true,
    protocol: 2 as const,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: timeouts.connect,
    // ioredis waits this long even for a socket that is closed already, and keeps the process alive meanwhile.
    disconnectTimeout: 20,
    commandTimeout: timeouts.command,
    connectionName: "redisops",
    username: config.username,
    password: config.password?.reveal(),
    ...tlsOptions(config, target),
  };
}

export type ClientOptions = ReturnType<typeof clientOptions>;
