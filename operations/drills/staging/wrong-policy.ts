import type { RedisRole } from "../../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { commandError, connectNode, type NodeConnection } from "../../../core/redis/connect.ts";
import { effectiveContract } from "../../../exporters/redis/contract-terms.ts";
import { InfoFields } from "../../../exporters/redis/info.ts";
import type { CausedFault } from "../target.ts";

const timeouts = { connect: 5_000, command: 5_000 };
const setting = "maxmemory-policy";
/** Share of its memory limit up to which a server is far from refusing or evicting anything, 0..1. */
const farFromFull = 0.5;

/** The eviction policy that contradicts a role; undefined where nothing is right or wrong for it. */
export function contradictingPolicy(role: RedisRole, config: RedisConnectionConfig): string | undefined {
  const { eviction } = effectiveContract(role, config);
  if (eviction === undefined) return undefined;
  return eviction === "noeviction" ? "volatile-ttl" : "noeviction";
}

/** What a server has of the setting, and how full it is: 0 without a limit. */
async function read({ client }: NodeConnection): Promise<{ policy: string; fullness: number }> {
  const [answer, info] = await Promise.all([client.config("GET", setting), client.info("memory")]);
  const [, policy] = answer as string[];
  const fields = new InfoFields(info);
  const limit = fields.number("maxmemory") ?? 0;
  return {
    policy: policy ?? "",
    fullness: limit === 0 ? 0 : (fields.number("used_memory") ?? limit) / limit,
  };
}

/** Works on a connection of its own. Rejects with a RedisopsError. */
async function withNode<T>(
  role: RedisRole,
  config: RedisConnectionConfig,
  address: string,
  work: (connection: NodeConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectNode(config, address, `${role} Redis at ${address}`, timeouts);
  try {
    return await work(connection);
  } catch (error) {
    if (error instanceof RedisopsError) throw error;
    throw commandError(error, connection);
  } finally {
    connection.close();
  }
}

/** The eviction policy that a server has now. Rejects with a RedisopsError. */
export function evictionPolicy(
  role: RedisRole,
  config: RedisConnectionConfig,
  address: string,
): Promise<string> {
  return withNode(role, config, address, async (connection) => (await read(connection)).policy);
}

/**
 * Gives one server an eviction policy that contradicts its role. Undone, it has `before` again, unless somebody else has
 * set another one meanwhile. Rejects with DRILL_REFUSED where that could cost keys or writes, because the server is half
 * full or more, and where the policy is not `before` any more; with another RedisopsError where it cannot be set.
 */
export async function setWrongPolicy(
  role: RedisRole,
  config: RedisConnectionConfig,
  address: string,
  { before, wrong }: { readonly before: string; readonly wrong: string },
): Promise<CausedFault> {
  await withNode(role, config, address, async (connection) => {
    const { policy, fullness } = await read(connection);
    const { target } = connection;
    if (policy !== before) {
      throw new RedisopsError("DRILL_REFUSED", `${target} has ${setting} ${policy} by now, not ${before}`, {
        target,
      });
    }
    if (fullness >= farFromFull) {
      const share = Math.round(fullness * 100);
      throw new RedisopsError(
        "DRILL_REFUSED",
        `${target} has used ${share} % of its memory: with ${wrong} it may evict keys or refuse writes`,
        { target },
      );
    }
    await connection.client.config("SET", setting, wrong);
  });
  return {
    what: `${address}: ${setting} is ${wrong} instead of ${before}`,
    undo: () =>
      withNode(role, config, address, async (connection) => {
        const { policy } = await read(connection);
        if (policy === wrong) await connection.client.config("SET", setting, before);
      }),
  };
}

/** The command with which a person gives the server its policy back. */
export function policyByHand(address: string, before: string): string {
  const colon = address.lastIndexOf(":");
  return `redis-cli -h ${address.slice(0, colon)} -p ${address.slice(colon + 1)} CONFIG SET ${setting} ${before}`;
}
