import { Cluster } from "ioredis";
import { commandError, type RedisConnection } from "../redis/connect.ts";
import { registryKeyMatcher } from "./entry.ts";

/** Keys that are looked at on each primary: the standard error of their share is at most 5 %. */
const DRAWS = 100;

/** About how many entries the registry has: the keys of each primary, times the share of the role's among random ones. */
export async function countEntries(connection: RedisConnection, keyPattern: string): Promise<number> {
  const { client } = connection;
  const matches = registryKeyMatcher(keyPattern);
  try {
    const counts = (client instanceof Cluster ? client.nodes("master") : [client]).map(async (node) => {
      const keys = await node.dbsize();
      if (keys === 0) return 0;
      const pipeline = node.pipeline();
      for (let draw = 0; draw < DRAWS; draw++) pipeline.randomkey();
      const drawn = ((await pipeline.exec()) ?? []).flatMap(([error, key]) => {
        if (error !== null) throw error;
        return typeof key === "string" ? [key] : [];
      });
      return drawn.length === 0 ? 0 : (keys * drawn.filter(matches).length) / drawn.length;
    });
    return Math.round((await Promise.all(counts)).reduce((sum, count) => sum + count, 0));
  } catch (error) {
    throw commandError(error, connection);
  }
}
