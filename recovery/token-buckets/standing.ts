import { performance } from "node:perf_hooks";
import { ProviderAccountBlocked } from "../../catalog/modes/ProviderAccountBlocked.ts";
import { isProbed } from "../../core/config/providers-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { instantQuery } from "../../core/prometheus.ts";
import { askProvider } from "../../core/provider/ask.ts";
import { requestOf } from "../../core/provider/request.ts";
import { retryAfterSeconds } from "../../core/retry-after.ts";
import { effectiveThresholds, thresholdValue } from "../../core/signal/thresholds.ts";
import type { Account } from "../../core/token-bucket/buckets.ts";
import { nameOf } from "./accounts.ts";

/** What a provider thinks of an account at this moment, as far as can be learned. */
export interface Standing {
  readonly account: Account;
  readonly verdict: "open" | "blocked" | "unknown";
  /** How that is known, or why it is not. */
  readonly reason: string;
}

/** Longest wait for a provider and for Prometheus, in milliseconds. */
const deadline = 3_000;
/** Longest time for all questions together, in milliseconds. */
const wholeDeadline = 10_000;
/** Questions that are under way at a time: the lookup of a name cannot be taken back, and occupies the process. */
const concurrency = 8;

/**
 * Asks for the standing of accounts: what the workers have met, where Prometheus knows; then the provider itself, by the
 * request that the exporter makes, unless redisops.yaml says not to. Those for which there was no time are unknown. Never
 * rejects.
 *
 * @param within milliseconds for all of them
 */
export async function standings(
  config: Config,
  accounts: readonly Account[],
  within = wholeDeadline,
): Promise<Standing[]> {
  const shares = await workersKeepingAway(config);
  const limit = Number(
    thresholdValue(effectiveThresholds(ProviderAccountBlocked, config.thresholds), "blocked_ratio"),
  );
  const until = performance.now() + within;
  const known = new Map<Account, Standing>();
  const left = accounts.values();
  const lane = async () => {
    for (const account of left) {
      known.set(
        account,
        await standingOf(config, account, { share: shares.get(nameOf(account)), limit, until }),
      );
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return accounts.flatMap((account) => known.get(account) ?? []);
}

async function standingOf(
  config: Config,
  account: Account,
  known: { readonly share: number | undefined; readonly limit: number; readonly until: number },
): Promise<Standing> {
  const { share, limit, until } = known;
  if (share !== undefined && share > limit) {
    const reason = `${Math.round(share * 100)} % of the workers keep away from it`;
    return { account, verdict: "blocked", reason };
  }
  const asked = await askAbout(config, account, until);
  return asked.verdict === "unknown" && share !== undefined
    ? { account, verdict: "open", reason: "the workers use it" }
    : { account, ...asked };
}

/** The share of the workers that keep away from an account at this moment, by the account’s name, as far as they tell. */
async function workersKeepingAway(config: Config): Promise<ReadonlyMap<string, number>> {
  if (config.prometheus === undefined) return new Map();
  try {
    const promql = "avg by (provider, account) (redisops_provider_account_blocked)";
    const found = await instantQuery(config.prometheus.url, promql, deadline);
    return new Map(found.map(({ labels, value }) => [`${labels.provider}/${labels.account}`, value]));
  } catch {
    return new Map();
  }
}

async function askAbout(
  config: Config,
  { provider, account }: Account,
  until: number,
): Promise<Omit<Standing, "account">> {
  const section = config.providers[provider];
  if (section === undefined || !isProbed(section, account)) {
    return { verdict: "unknown", reason: "its provider is not to be asked (probe in redisops.yaml)" };
  }
  const left = Math.min(deadline, until - performance.now());
  if (left <= 0) {
    return { verdict: "unknown", reason: "it was not asked: others took too long to answer" };
  }
  try {
    const request = requestOf(provider, account, section);
    const { status, headers } = await askProvider(
      request,
      `${provider} at ${section.base_url}`,
      Math.ceil(left),
    );
    if (request.expects(status)) return { verdict: "open", reason: `its provider answers ${status}` };
    if (status === 429) {
      const seconds = Math.ceil(retryAfterSeconds(headers, Date.now()));
      const wait = seconds > 0 ? ` and asks to wait ${seconds} s` : "";
      return { verdict: "blocked", reason: `its provider answers 429${wait}` };
    }
    if (status === 401 || status === 403) {
      return { verdict: "blocked", reason: `its provider answers ${status}: it rejects the credentials` };
    }
    return { verdict: "unknown", reason: `its provider answers ${status}` };
  } catch (error) {
    return { verdict: "unknown", reason: toRedisopsError(error).message };
  }
}
