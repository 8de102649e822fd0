import { type RedisRole, redisRoles } from "../../catalog/roles.ts";
import type { RedisConnectionConfig, RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { probingRules, recoveryRules } from "./redis-rules.ts";

/** A rule as it is typed into redis-cli, which takes braces and stars as they are but needs quotes for blanks. */
const quoted = (word: string) => (/\s|"/.test(word) ? JSON.stringify(word) : word);

/** The command that gives a user what it lacks. */
export function grantingCommand(user: string | undefined, rules: readonly string[]): string {
  return `ACL SETUSER ${user ?? "default"} ${rules.map(quoted).join(" ")}`;
}

/** Where a role's servers are: roles that share them share the user. */
function placeOf(section: RedisConnectionConfig): string {
  switch (section.topology) {
    case "standalone":
      return section.address;
    case "sentinel":
      return `${section.primary} ${section.sentinels.toSorted().join(" ")}`;
    case "cluster":
      return section.nodes.toSorted().join(" ");
  }
}

function rolesBeside(role: RedisRole, roles: RolesConfig): readonly RedisRole[] {
  const section = roles[role];
  return redisRoles.filter((other) => {
    const its = roles[other];
    return section !== undefined && its !== undefined && placeOf(its) === placeOf(section);
  });
}

/** The command that makes a user for the roles on a role's servers, with what redisops needs there and no more. */
export function userCommand(role: RedisRole, { roles }: Config, recoveries: boolean): string {
  const rules = rolesBeside(role, roles).flatMap((each) => [
    ...probingRules(each, roles),
    ...(recoveries ? recoveryRules(each, roles).flatMap((recovery) => recovery.rules) : []),
  ]);
  const name = roles[role]?.username ?? "redisops";
  return `ACL SETUSER ${name} reset on >PASSWORD ${[...new Set(rules)].map(quoted).join(" ")}`;
}
