import { formatDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { type Account, fillBucket } from "../../core/token-bucket/buckets.ts";
import { redisPins } from "../pins.ts";
import type { Fact, Plan, Recovery, RecoveryContext, Run, Verification } from "../recovery.ts";
import {
  type Bucket,
  chosen,
  describeState,
  nameOf,
  readBuckets,
  required,
  tokens,
  withConnection,
} from "./accounts.ts";
import { checkRamp, rampUp } from "./ramp.ts";
import { type Standing, standings } from "./standing.ts";

type Context = RecoveryContext<"token-buckets">;

interface TokenBucketDetails {
  /** Names of the accounts whose buckets are to be filled. */
  readonly accounts: readonly string[];
  /** Milliseconds over which they are filled; null for at once. */
  readonly ramp: number | null;
  /** Whether it does not matter that a provider blocks them. */
  readonly forced: boolean;
}

async function plan({ config, options }: Context): Promise<Plan<TokenBucketDetails>> {
  const { role, accounts } = required(config);
  const wanted = chosen(accounts, options.account);
  const { ramp } = options;
  if (ramp !== undefined) checkRamp(ramp);
  const forced = options["force-blocked"] === true;
  const buckets = await withConnection(role, (connection) => readBuckets(connection, role, wanted));
  const lacking = buckets.filter(({ account, state }) => state.exists && state.tokens < account.capacity);
  const known = await standings(
    config,
    lacking.map(({ account }) => account),
  );
  const blocked = known.filter(({ verdict }) => verdict === "blocked");
  const due = lacking.filter(({ account }) => forced || !blocked.some((one) => one.account === account));
  const names = blocked.map(({ account }) => nameOf(account)).join(", ");
  return {
    target: describeTarget("token_bucket", role),
    facts: [...buckets.map(stateFact), ...known.flatMap(standingFacts)],
    steps: due.map((bucket) => step(bucket, ramp)),
    risks: risks(known, ramp, forced),
    hasChanges: lacking.length > 0,
    ...(lacking.length > 0 && due.length === 0
      ? {
          refusal: new RedisopsError(
            "PROVIDER_BLOCKS",
            `The provider still blocks ${names}: tokens would only send more requests into the block`,
            { target: describeTarget("token_bucket", role) },
          ),
        }
      : {}),
    ...(forced && blocked.length > 0
      ? {
          severe: `The provider still blocks ${names}; what is sent into a block can make it last longer.`,
        }
      : {}),
    items: due.length,
    details: { accounts: due.map(({ account }) => nameOf(account)), ramp: ramp ?? null, forced },
  };
}

const stateFact = (bucket: Bucket): Fact => ({ label: nameOf(bucket.account), value: describeState(bucket) });

function standingFacts({ account, verdict, reason }: Standing): Fact[] {
  return verdict === "blocked" ? [{ label: "blocked", value: `${nameOf(account)}: ${reason}` }] : [];
}

function step({ account, state }: Bucket, ramp: number | undefined): string {
  const full = tokens(account.capacity);
  if (ramp === undefined) return `set ${nameOf(account)} to ${full} tokens`;
  const debt = state.tokens < 0 ? ", forgetting what it owes" : "";
  const lacks = tokens(account.capacity - Math.max(0, state.tokens));
  return `grant ${nameOf(account)} the ${lacks} tokens that it lacks of ${full}, evenly over ${formatDuration(ramp)}${debt}`;
}

function risks(known: readonly Standing[], ramp: number | undefined, forced: boolean): string[] {
  const named = (wanted: Standing["verdict"]) => known.filter(({ verdict }) => verdict === wanted);
  return [
    ramp === undefined
      ? "a full bucket lets one burst through at once, on top of what the provider has counted in its current window: expect up to that many 429s from an account that is in use; --ramp 30s spreads it"
      : "during the ramp an account may send its limit and an even share of what its bucket lacks: expect a few 429s where it is in full use. A bucket is never lowered, so an interrupted ramp leaves one that refills as usual",
    ...named("blocked").map(({ account }) =>
      forced
        ? `${nameOf(account)} is blocked by its provider: what is sent into a block can make it last longer`
        : `${nameOf(account)} stays as it is, because its provider still blocks it; --force-blocked fills it all the same`,
    ),
    ...named("unknown").map(
      ({ account, reason }) => `whether the provider blocks ${nameOf(account)} is not known: ${reason}`,
    ),
  ];
}

/** The accounts that are still to be filled, without those that have been blocked since the plan was made. */
async function stillOpen(
  { config, onWarning }: Context,
  accounts: readonly Account[],
  forced: boolean,
): Promise<Account[]> {
  if (forced) return [...accounts];
  const known = await standings(config, accounts);
  for (const { account, verdict, reason } of known) {
    if (verdict === "blocked") onWarning(`${nameOf(account)} was left as it is: ${reason}`);
  }
  return known.filter(({ verdict }) => verdict !== "blocked").map(({ account }) => account);
}

async function execute(context: Context, { details }: Plan<TokenBucketDetails>, run: Run): Promise<void> {
  const { signal } = context;
  const { role, accounts } = required(context.config);
  const filled = run.checkpoint<readonly string[]>("filled") ?? [];
  const left = accounts.filter(
    (account) => details.accounts.includes(nameOf(account)) && !filled.includes(nameOf(account)),
  );
  const due = await stillOpen(context, left, details.forced);
  await withConnection(role, async (connection) => {
    if (details.ramp !== null) {
      const { ramp: duration } = details;
      const { onProgress } = context;
      const ramp = { connection, role, accounts: due, duration, signal, onProgress };
      await run.step("ramp", () => rampUp(ramp, run));
      return;
    }
    const done = [...filled];
    for (const account of due) {
      if (signal.aborted && done.length > 0) {
        throw new RedisopsError(
          "INTERRUPTED",
          `Interrupted: ${done.length} of ${details.accounts.length} buckets were filled, the others are as they were`,
        );
      }
      await run.step(`fill ${nameOf(account)}`, async () => {
        await run.pace(1);
        await fillBucket(connection, role.key, account);
      });
      done.push(nameOf(account));
      // A bucket that was filled a second time would let a second burst through.
      await run.saveCheckpoint("filled", done);
    }
  });
}

/**
 * Workers take tokens from the first moment, so the level cannot prove the reset; that the bucket exists and owes nothing
 * can.
 */
async function verify(
  { config, options }: Context,
  { details }: Plan<TokenBucketDetails>,
): Promise<Verification> {
  const { role, accounts } = required(config);
  const wanted = chosen(accounts, options.account);
  const buckets = await withConnection(role, (connection) => readBuckets(connection, role, wanted));
  const sound = ({ account, state }: Bucket) =>
    !details.accounts.includes(nameOf(account)) || (state.exists && state.tokens >= 0);
  return {
    holds: buckets.every(sound),
    facts: buckets.map(stateFact),
    figures: Object.fromEntries(buckets.map(({ account, state }) => [nameOf(account), state.tokens])),
  };
}

/** Fills the token buckets of accounts, at once or over a time. */
export const tokenBuckets: Recovery<TokenBucketDetails, "token-buckets"> = {
  name: "token-buckets",
  role: "token_bucket",
  needsPostgres: false,
  plan,
  pins: ({ config }) => redisPins("token_bucket", required(config).role),
  execute,
  verify,
};
