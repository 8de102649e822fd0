import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { connectSentinel } from "../../core/redis/connect.ts";
import { type Check, checked } from "./check.ts";
import { redisTimeouts } from "./redis-nodes.ts";
import { rightsCheck, tryOn } from "./redis-rights-checks.ts";
import { sentinelRules } from "./redis-rules.ts";

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** Whether a role's Sentinels answer and tell what is asked of them. */
export async function sentinelChecks(
  role: RedisRole,
  section: Extract<RedisConnectionConfig, { topology: "sentinel" }>,
): Promise<Check[]> {
  const open = (address: string) =>
    connectSentinel(section, address, `${role} Sentinel at ${address}`, redisTimeouts);
  const names = { own: "", data: "", primary: section.primary };
  const outcomes = await Promise.all(
    section.sentinels.map(async (address) => {
      try {
        return { address, tried: await tryOn([address], open, sentinelRules, names) };
      } catch (error) {
        return { address, error: toRedisopsError(error) };
      }
    }),
  );
  const down = outcomes.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const all = section.sentinels.length;
  const reach =
    down.length === 0
      ? checked(`redis.${role}.sentinels`, "ok", `${count(all, "Sentinel")} answer`)
      : checked(
          `redis.${role}.sentinels`,
          down.length === all ? "failed" : "warning",
          `${down.length} of ${count(all, "Sentinel")} failed: ${down.map(({ message }) => message).join("; ")}`,
          down[0]?.next,
        );
  const tried = outcomes.flatMap((outcome) => outcome.tried ?? []);
  if (tried.length === 0) return [reach];
  return [reach, rightsCheck(`redis.${role}.sentinels.acl`, "asking the Sentinels", undefined, tried)];
}
