import type { ProvidersConfig } from "../core/config/providers-section.ts";
import type { RolesConfig } from "../core/config/redis-section.ts";
import { connectRedis, describeTarget } from "../core/redis/connect.ts";
import { sample } from "../core/samples.ts";
import { configuredAccounts, readBucket } from "../core/token-bucket/buckets.ts";
import type { Probe } from "./probe.ts";

/** How full each account's token bucket is. */
export function tokenBucketProbe(
  config: NonNullable<RolesConfig["token_bucket"]>,
  providers: ProvidersConfig,
): Probe {
  return {
    name: "token_buckets",
    role: "token_bucket",
    target: "token_bucket",
    address: describeTarget("token_bucket", config),
    async run(emit, left) {
      const connection = await connectRedis("token_bucket", config, { connect: left(), command: left() });
      try {
        for (const account of configuredAccounts(providers)) {
          const labels = { role: "token_bucket", provider: account.provider, account: account.account };
          const { tokens } = await readBucket(connection, config.key, account);
          emit(sample("redisops_token_bucket_tokens", labels, tokens));
          emit(sample("redisops_token_bucket_capacity", labels, account.capacity));
        }
      } finally {
        connection.close();
      }
    },
  };
}
