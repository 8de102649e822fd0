import type { ProvidersConfig } from "../core/config/providers-section.ts";
import type { RolesConfig } from "../core/config/redis-section.ts";
import { describeTarget } from "../core/redis/connect.ts";
import { sample } from "../core/samples.ts";
import { bucketKey, configuredAccounts, readBucket } from "../core/token-bucket/buckets.ts";
import type { Probe } from "./probe.ts";

/** How full each account's token bucket is, read from the server that holds it. */
export function tokenBucketProbe(
  config: NonNullable<RolesConfig["token_bucket"]>,
  providers: ProvidersConfig,
): Probe {
  const accounts = configuredAccounts(providers).map((account) => ({
    account,
    labels: { role: "token_bucket", provider: account.provider, account: account.account },
  }));
  return {
    name: "token_buckets",
    role: "token_bucket",
    group: "token_bucket",
    target: "token_bucket",
    address: describeTarget("token_bucket", config),
    async run(emit, { redis }) {
      for (const { account, labels } of accounts) {
        emit(sample("redisops_token_bucket_capacity", labels, account.capacity));
        emit(sample("redisops_token_bucket_refill_per_second", labels, account.refillPerSecond));
      }
      const connections = redis("token_bucket");
      // At the same time: a shard that hangs holds up its own accounts alone.
      const readings = await Promise.allSettled(
        accounts.map(async ({ account, labels }) => {
          const connection = await connections.primaryFor(bucketKey(config.key, account));
          const { tokens } = await readBucket(connection, config.key, account);
          emit(sample("redisops_token_bucket_tokens", labels, tokens));
        }),
      );
      const failed = readings.find((reading) => reading.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
  };
}
