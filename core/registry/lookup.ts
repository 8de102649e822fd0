import { Cluster } from "ioredis";
import { commandError, type RedisConnection } from "../redis/connect.ts";
import { registryKeys } from "./entry.ts";

/** For each user, whether the registry has a connection entry. */
export async function connectedUsers(
  connection: RedisConnection,
  keyPattern: string,
  users: readonly string[],
): Promise<boolean[]> {
  const keys = users.map(registryKeys(keyPattern));
  if (keys.length === 0) return [];
  const { client } = connection;
  try {
    if (client instanceof Cluster) {
      // Keys of several slots cannot share a pipeline.
      return await Promise.all(keys.map(async (key) => (await client.exists(key)) === 1));
    }
    const replies = await client.pipeline(keys.map((key) => ["exists", key])).exec();
    return (replies ?? []).map(([error, reply]) => {
      if (error !== null) throw error;
      return reply === 1;
    });
  } catch (error) {
    throw commandError(error, connection);
  }
}
