import { defaultContracts, type RoleContract } from "../../catalog/role-contract.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import type { JudgedSetting } from "./node-facts.ts";

/** What a role is judged by: what redisops.yaml declares, and the role's defaults for the rest. */
export function effectiveContract(
  role: RedisRole,
  { contract = {} }: Pick<RedisConnectionConfig, "contract">,
): RoleContract {
  const declared = Object.fromEntries(Object.entries(contract).filter(([, value]) => value !== undefined));
  return { ...defaultContracts[role], ...declared };
}

/** The settings that have to be asked for to judge a role; INFO tells the others. */
export function settingsToRead(
  role: RedisRole,
  config: Pick<RedisConnectionConfig, "contract">,
): readonly JudgedSetting[] {
  const { persistence, min_replicas_to_write } = effectiveContract(role, config);
  return [
    ...(persistence === undefined ? [] : (["save"] as const)),
    ...(min_replicas_to_write === undefined ? [] : (["min-replicas-to-write"] as const)),
  ];
}

/** Bytes of a size as redis.conf writes it (`2gb` is 1024 based); undefined for a word. */
export function sizeInBytes(size: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d+)(kb|mb|gb)?$/i.exec(size) ?? [];
  if (digits === "") return undefined;
  const factors: Readonly<Record<string, number>> = { "": 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
  return Number(digits) * (factors[unit.toLowerCase()] ?? 1);
}
