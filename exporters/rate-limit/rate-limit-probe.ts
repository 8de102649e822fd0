import { randomBytes } from "node:crypto";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import { countScript, rateLimitKeyMatcher } from "../../core/rate-limit/count-script.ts";
import { describeTarget, type NodeConnection } from "../../core/redis/connect.ts";
import { sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { canaryRatioSoFar, canaryWrong, tryCanaries } from "../redis/canary.ts";
import type { KeyWitnesses } from "../redis/key-witnesses.ts";
import { estimateRoleKeys } from "../redis/role-key-sample.ts";
import { withoutCanary } from "../role-availability.ts";

const labels = { role: "rate_limit" } as const;

/** The canary's limit, which it does not reach, and its window in milliseconds: long enough for three round trips. */
const limit = 10;
const canaryWindow = 10_000;

/** Counts two messages of nobody, by the script that the applications use. */
async function checkCounter(connection: NodeConnection, key: string): Promise<void> {
  const { client } = connection;
  const count = async () => Number(await countScript.run(client, [key], [limit, canaryWindow]));
  const first = await count();
  if (first !== 1) throw canaryWrong(connection, `counted ${first} for the first message of a new counter`);
  const [lifetime, second] = await Promise.all([client.pttl(key), count()]);
  if (!(lifetime > 0 && lifetime <= canaryWindow)) {
    throw canaryWrong(connection, `lets a counter of ${canaryWindow} ms live for ${lifetime} ms`);
  }
  if (second !== 2)
    throw canaryWrong(connection, `counted ${second} for the second message of a new counter`);
}

/** Whether rate counters count and expire, and how many of them never will. */
export function rateLimitProbe(
  config: NonNullable<RolesConfig["rate_limit"]>,
  witnesses: KeyWitnesses,
): Probe {
  const matches = rateLimitKeyMatcher(config.key);
  return {
    name: "rate_limit",
    role: "rate_limit",
    group: "rate_limit",
    target: "rate_limit",
    address: describeTarget("rate_limit", config),
    async run(emit, scrape) {
      // A name of its own for each run: another exporter would count on.
      const purpose = `rate_limit:${randomBytes(6).toString("hex")}`;
      const [canaries, { withoutTtl, failures }] = await Promise.all([
        tryCanaries("rate_limit", purpose, scrape, checkCounter),
        estimateRoleKeys("rate_limit", matches, scrape, witnesses),
      ]);
      if (canaries.ratio !== undefined)
        emit(sample("redisops_rate_limit_canary_ratio", labels, canaries.ratio));
      if (withoutTtl !== undefined) {
        emit(sample("redisops_rate_limit_counters_without_ttl", labels, withoutTtl.value));
        emit(
          sample("redisops_rate_limit_counters_without_ttl_standard_error", labels, withoutTtl.standardError),
        );
      }
      const [failure] = [...canaries.failures, ...failures];
      if (failure !== undefined) throw failure;
    },
    conclude: withoutCanary("redisops_rate_limit_canary_ratio", labels, canaryRatioSoFar),
  };
}
