import { randomBytes } from "node:crypto";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { connectNode, type NodeConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { canaryPrefix } from "../../exporters/redis/canary-keys.ts";
import { type Check, checked } from "./check.ts";
import { grantingCommand, userCommand } from "./redis-fixes.ts";
import { type Answering, redisTimeouts } from "./redis-nodes.ts";
import { probingRules, recoveryRules } from "./redis-rules.ts";
import { type Lacking, tryRules } from "./redis-tries.ts";
import { dangerousRights } from "./redis-wide-rights.ts";

/** A key of a role's own pattern that nothing is under. */
function unusedKey(role: RedisRole, { roles }: Config): string {
  const id = `redisops-doctor-${randomBytes(6).toString("hex")}`;
  if (role === "dedup") return `${roles.dedup?.filter.key ?? ""}:${id}`;
  return (roles[role]?.key ?? "").replace(/\{(?:user_id|conversation_id|provider|account)\}/g, id);
}

/** What several servers lack, in one. */
function together(
  all: readonly (readonly [string, Lacking])[],
): Lacking & { readonly where: readonly string[] } {
  const union = (pick: (lacking: Lacking) => readonly string[]) => [
    ...new Set(all.flatMap(([, each]) => pick(each))),
  ];
  const lacks = ({ commands, keys, unknown }: Lacking) => commands.length + keys.length + unknown.length > 0;
  return {
    commands: union(({ commands }) => commands),
    keys: union(({ keys }) => keys),
    unknown: union(({ unknown }) => unknown),
    where: all.filter(([, each]) => lacks(each)).map(([address]) => address),
  };
}

/** The result of trying rules on servers: a single place for probing, recoveries and Sentinels. */
export function rightsCheck(
  id: string,
  what: string,
  user: string | undefined,
  tried: readonly (readonly [string, Lacking])[],
): Check {
  const { commands, keys, unknown, where } = together(tried);
  const who = user === undefined ? "the default user" : `the user ${user}`;
  if (where.length === 0) return checked(id, "ok", `${who} may do what ${what} takes`);
  const lines = [
    ...(commands.length > 0 ? [`may not ${commands.join(", ")}`] : []),
    ...(keys.length > 0 ? ["may not touch the keys"] : []),
    ...(unknown.length > 0 ? [`finds no command ${unknown.join(", ")}`] : []),
  ];
  const module = unknown.some((command) => command.startsWith("bf."));
  const fix =
    commands.length + keys.length > 0
      ? grantingCommand(user, [...keys, ...commands.map((command) => `+${command}`)])
      : module
        ? "Load the RedisBloom module or use Redis 8, or set roles.dedup.filter.engine to bitmap."
        : "Take the commands out of rename-command in redis.conf.";
  return checked(id, "failed", `${who} ${lines.join(", ")} on ${where.join(", ")}: needed for ${what}`, fix);
}

/** Tries rules on servers, each over a connection of its own, which a try may leave in a transaction. */
export async function tryOn(
  addresses: readonly string[],
  open: (address: string) => Promise<NodeConnection>,
  rules: readonly string[],
  names: Parameters<typeof tryRules>[2],
): Promise<(readonly [string, Lacking])[]> {
  return Promise.all(
    addresses.map(async (address): Promise<readonly [string, Lacking]> => {
      const connection = await open(address);
      try {
        return [address, await tryRules(connection.client, rules, names)];
      } catch (error) {
        throw redisError(error, connection.target);
      } finally {
        connection.close();
      }
    }),
  );
}

/** Whether the user may do what probing takes, and recoveries where asked for, and not much more. */
export async function rightsChecks(
  role: RedisRole,
  section: RedisConnectionConfig,
  config: Config,
  up: readonly Answering[],
  recoveries: boolean,
): Promise<Check[]> {
  const open = (address: string) =>
    connectNode(section, address, `${role} Redis at ${address}`, redisTimeouts);
  const data = unusedKey(role, config);
  const addresses = up.map(({ node }) => node.address);
  const primaries = up.filter(({ node }) => node.kind === "primary").map(({ node }) => node.address);
  const own = `${canaryPrefix}doctor:${randomBytes(6).toString("hex")}`;
  const probing = await tryOn(addresses, open, probingRules(role, config.roles), { own, data, primary: "" });
  const checks = [rightsCheck(`redis.${role}.acl`, `probing ${role}`, section.username, probing)];
  if (recoveries) {
    for (const { recovery, rules } of recoveryRules(role, config.roles)) {
      const second = unusedKey(role, config);
      const tried = await tryOn(primaries, open, rules, { own: second, data, primary: "" });
      checks.push(
        rightsCheck(`redis.${role}.acl.${recovery}`, `redisops recover ${recovery}`, section.username, tried),
      );
    }
  }
  const [first] = up.filter(({ node }) => node.kind === "primary");
  if (first !== undefined) checks.push(await wideCheck(role, section, config, first.connection, recoveries));
  return checks;
}

async function wideCheck(
  role: RedisRole,
  { username }: RedisConnectionConfig,
  config: Config,
  { client }: NodeConnection,
  recoveries: boolean,
): Promise<Check> {
  const id = `redis.${role}.rights`;
  const rights = await dangerousRights(client);
  if (rights === undefined) {
    return checked(id, "ok", "it may not even ask what it may do, so it may not do everything");
  }
  if (rights.length === 0) return checked(id, "ok", "it may do nothing dangerous");
  return checked(
    id,
    "warning",
    `${username === undefined ? "the default user" : `the user ${username}`} may also ${rights.join(", ")}`,
    `${userCommand(role, config, recoveries)}\nthen roles.${role}.username and roles.${role}.password in redisops.yaml`,
  );
}
