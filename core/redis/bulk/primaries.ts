import { Cluster } from "ioredis";
import type { RedisRole } from "../../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../config/redis-section.ts";
import type { RedisTimeouts } from "../client-options.ts";
import { commandError, connectRedis } from "../connect.ts";
import { type Router, routerOf, routerTo, type SlotRange } from "./router.ts";

/** Asks a role which servers are its primaries. Rejects with a RedisopsError. */
export async function findPrimaries(
  role: RedisRole,
  config: RedisConnectionConfig,
  timeouts: RedisTimeouts,
): Promise<{ readonly target: string; readonly router: Router }> {
  const connection = await connectRedis(role, config, timeouts);
  const { client, target } = connection;
  try {
    if (!(client instanceof Cluster)) {
      return { target, router: routerTo(`${client.options.host}:${client.options.port}`) };
    }
    const [asked] = client.nodes("all");
    const ranges = slotRanges(await client.cluster("SLOTS"), String(asked?.options.host));
    return { target, router: routerOf(ranges) };
  } catch (error) {
    throw commandError(error, connection);
  } finally {
    connection.close();
  }
}

/** The ranges in an answer of CLUSTER SLOTS. A server that does not know its own host names none. */
function slotRanges(answer: unknown, askedHost: string): SlotRange[] {
  if (!Array.isArray(answer)) return [];
  return answer.map(([first, last, primary]: [number, number, [string | null, number]]) => {
    const host = primary[0] === null || primary[0] === "" ? askedHost : primary[0];
    return { first, last, address: `${host}:${primary[1]}` };
  });
}
