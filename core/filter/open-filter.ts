import { Redis } from "ioredis";
import type { FilterConfig } from "../config/redis-section.ts";
import { RedisopsError } from "../errors.ts";
import type { RedisConnection } from "../redis/connect.ts";
import { BitmapFilter, configuredLayout } from "./bitmap-filter.ts";
import type { Filter } from "./filter.ts";
import { RedisBloomFilter } from "./redisbloom-filter.ts";

/** The single server that a filter lives on. Throws for a cluster connection, which the configuration rules out. */
export function singleServer(connection: RedisConnection): Redis {
  if (connection.client instanceof Redis) return connection.client;
  throw new RedisopsError(
    "CONFIG_INVALID",
    `${connection.target}: a filter lives on a single server, not on a cluster`,
  );
}

/** The filter of the configured engine, under the configured key or under another one (a shadow). */
export function openFilter(connection: RedisConnection, config: FilterConfig, key = config.key): Filter {
  const client = singleServer(connection);
  return config.engine === "bitmap"
    ? new BitmapFilter(client, connection.target, key, configuredLayout(config))
    : new RedisBloomFilter(client, connection.target, key, config);
}
