import { redisRoles } from "../../catalog/roles.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { FaultRequest } from "./faults.ts";
import type { Member } from "./member.ts";
import { shardCount } from "./shards.ts";
import type { Stores } from "./stores.ts";

/** What `--role` may name: the Redis roles and every process. */
function targetNames(members: readonly Member[]): string[] {
  return [...new Set([...redisRoles, ...members.map(({ name }) => name)])];
}

function usage(message: string, next?: string): RedisopsError {
  return new RedisopsError("USAGE", message, { next: next ?? "redisops lab inject --help" });
}

/** The shard that a request is about, 0 unless it says so. Throws USAGE for one that does not exist. */
export function shardOf({ shard = 0 }: FaultRequest): number {
  if (Number.isInteger(shard) && shard >= 0 && shard < shardCount) return shard;
  throw usage(`There is no shard ${shard}: the shards are 0 to ${shardCount - 1}`);
}

function nobody(role: string, members: readonly Member[]): never {
  throw usage(`There is nothing called ${role}. There are: ${targetNames(members).join(", ")}`);
}

/**
 * The processes that `--role` names: one by its own name, or all that serve a Redis role.
 *
 * @throws RedisopsError USAGE naming what there is.
 */
export function membersMeant(role: string, members: readonly Member[]): readonly Member[] {
  const named = members.filter(({ name }) => name === role);
  // A role and its only server may have the same name.
  if (named.length > 0) return named;
  const serving = members.filter(({ roles }) => (roles as readonly string[]).includes(role));
  return serving.length > 0 ? serving : nobody(role, members);
}

/**
 * The process that a request is about. A role of several servers means its primary, in the cluster that of the shard.
 *
 * @throws RedisopsError USAGE naming what there is.
 */
export async function targetOf(
  request: FaultRequest,
  members: readonly Member[],
  stores: Stores,
): Promise<Member> {
  const { role } = request;
  if (role === undefined) {
    throw usage(`Say to whom: --role with ${targetNames(members).join(", ")}`);
  }
  const serving = membersMeant(role, members);
  const [first = nobody(role, members)] = serving;
  if (request.shard !== undefined && (serving.length === 1 || first.shard === undefined)) {
    throw usage(`${role} has no shards to choose from: --shard goes with preferences and token_bucket`);
  }
  if (serving.length === 1) return first;
  const { port } =
    first.shard === undefined
      ? await stores.dedup.sentinels.primaryAddress()
      : await stores.cluster.primaryOf(shardOf(request));
  const primary = serving.find((member) => member.port === port);
  if (primary === undefined) throw new Error(`the primary of ${role} at port ${port} is none of the lab's`);
  return primary;
}
