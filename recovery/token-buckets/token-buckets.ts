import type { RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import { connectRedis, describeTarget, type RedisConnection } from "../../core/redis/connect.ts";
import {
  type Account,
  type BucketState,
  configuredAccounts,
  fillBucket,
  readBucket,
} from "../../core/token-bucket/buckets.ts";
import type { Plan, Recovery, RecoveryContext, Run, Verification } from "../recovery.ts";

const timeouts = { connect: 5_000, command: 5_000 };

type TokenBucketConfig = NonNullable<RolesConfig["token_bucket"]>;

interface TokenBucketDetails {
  /** Names of the accounts whose buckets are to be filled. */
  readonly accounts: readonly string[];
}

const nameOf = ({ provider, account }: Account) => `${provider}/${account}`;
const tokens = (count: number) => count.toLocaleString("en-US", { maximumFractionDigits: 1 });

function required(config: Config): { role: TokenBucketConfig; accounts: Account[] } {
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

async function withConnection<T>(
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

async function readAll(role: TokenBucketConfig, accounts: readonly Account[]) {
  return withConnection(role, async (connection) => {
    const buckets: { account: Account; state: BucketState }[] = [];
    for (const account of accounts) {
      buckets.push({ account, state: await readBucket(connection, role.key, account) });
    }
    return buckets;
  });
}

const describeState = ({ account, state }: { account: Account; state: BucketState }) =>
  state.exists
    ? `${tokens(state.tokens)} of ${tokens(account.capacity)} tokens`
    : `missing, which counts as full (${tokens(account.capacity)} tokens)`;

async function plan({ config }: RecoveryContext): Promise<Plan<TokenBucketDetails>> {
  const { role, accounts } = required(config);
  const buckets = await readAll(role, accounts);
  const due = buckets.filter(({ account, state }) => state.exists && state.tokens < account.capacity);
  return {
    target: describeTarget("token_bucket", role),
    facts: buckets.map((bucket) => ({ label: nameOf(bucket.account), value: describeState(bucket) })),
    steps: due.map(({ account }) => `set ${nameOf(account)} to ${tokens(account.capacity)} tokens`),
    risks: [
      "a full bucket lets one burst through at once, on top of what the provider has counted in its current window: expect up to that many 429s from an account that is in use",
    ],
    hasChanges: due.length > 0,
    items: due.length,
    details: { accounts: due.map(({ account }) => nameOf(account)) },
  };
}

async function execute(
  { config, signal }: RecoveryContext,
  { details }: Plan<TokenBucketDetails>,
  run: Run,
): Promise<void> {
  const { role, accounts } = required(config);
  const due = accounts.filter((account) => details.accounts.includes(nameOf(account)));
  await withConnection(role, async (connection) => {
    for (const [filled, account] of due.entries()) {
      if (signal.aborted && filled > 0) {
        throw new RedisopsError(
          "INTERRUPTED",
          `Interrupted: ${filled} of ${due.length} buckets were filled, the others are as they were`,
        );
      }
      await run.step(`fill ${nameOf(account)}`, () => fillBucket(connection, role.key, account));
    }
  });
}

/** Workers take tokens from the first moment, so the level cannot prove the reset; the bucket's existence can. */
async function verify(
  { config }: RecoveryContext,
  { details }: Plan<TokenBucketDetails>,
): Promise<Verification> {
  const { role, accounts } = required(config);
  const buckets = await readAll(role, accounts);
  return {
    holds: buckets.every(({ account, state }) => state.exists || !details.accounts.includes(nameOf(account))),
    facts: buckets.map((bucket) => ({ label: nameOf(bucket.account), value: describeState(bucket) })),
    figures: Object.fromEntries(buckets.map(({ account, state }) => [nameOf(account), state.tokens])),
  };
}

/** Fills the token bucket of every configured account. */
export const tokenBuckets: Recovery<TokenBucketDetails, "token-buckets"> = {
  name: "token-buckets",
  role: "token_bucket",
  needsPostgres: false,
  plan,
  pins: async () => [],
  execute,
  verify,
};
