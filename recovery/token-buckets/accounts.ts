import type { RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import { connectRedis, type RedisConnection } from "../../core/redis/connect.ts";
import {
  type Account,
  type BucketState,
  configuredAccounts,
  readBucket,
} from "../../core/token-bucket/buckets.ts";

const timeouts = { connect: 5_000, command: 5_000 };

export type TokenBucketConfig = NonNullable<RolesConfig["token_bucket"]>;

/** An account's bucket as it was read. */
export interface Bucket {
  readonly account: Account;
  readonly state: BucketState;
}

/** An account as commands name it. */
export const nameOf = ({ provider, account }: Account): string => `${provider}/${account}`;

/** Tokens for a reader. */
export const tokens = (count: number): string => count.toLocaleString("en-US", { maximumFractionDigits: 1 });

/** What a bucket holds, for a reader. */
export const describeState = ({ account, state }: Bucket): string =>
  state.exists
    ? `${tokens(state.tokens)} of ${tokens(account.capacity)} tokens`
    : `missing, which counts as full (${tokens(account.capacity)} tokens)`;

/** The role and its accounts. Throws CONFIG_INCOMPLETE, naming what is missing. */
export function required(config: Config): { role: TokenBucketConfig; accounts: Account[] } {
  if (config.roles.token_bucket === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no roles.token_bucket: there are no buckets to reset",
    );
  }
  const accounts = configuredAccounts(config.providers);
  if (accounts.length === 0) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no provider accounts: there are no buckets to reset",
    );
  }
  return { role: config.roles.token_bucket, accounts };
}

/** The accounts of these names; all without names. Throws USAGE for a name that redisops.yaml does not have. */
export function chosen(accounts: readonly Account[], names: readonly string[] = []): Account[] {
  const unknown = names.find((name) => !accounts.some((account) => nameOf(account) === name));
  if (unknown !== undefined) {
    throw new RedisopsError(
      "USAGE",
      `--account: there is no account ${unknown}; known are ${accounts.map(nameOf).join(", ")}`,
    );
  }
  return accounts.filter((account) => names.length === 0 || names.includes(nameOf(account)));
}

/** Connects for as long as the work takes. */
export async function withConnection<T>(
  role: TokenBucketConfig,
  work: (connection: RedisConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectRedis("token_bucket", role, timeouts);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Reads the buckets of accounts. */
export async function readBuckets(
  connection: RedisConnection,
  role: TokenBucketConfig,
  accounts: readonly Account[],
): Promise<Bucket[]> {
  const buckets: Bucket[] = [];
  for (const account of accounts) {
    buckets.push({ account, state: await readBucket(connection, role.key, account) });
  }
  return buckets;
}
