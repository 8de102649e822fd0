import { readFileSync } from "node:fs";
import type { RedisConnectionConfig } from "../config/redis-section.ts";
import { messageOf, RedisopsError } from "../errors.ts";

/** How long a connection may take, and each command on it. */
export interface RedisTimeouts {
  /** Longest time until the connection is usable, in milliseconds. */
  readonly connect: number;
  /** Longest time for one command, in milliseconds. */
  readonly command: number;
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
        { target },
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
