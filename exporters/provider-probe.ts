import type { ProviderConfig } from "../core/config/providers-section.ts";
import { messageOf, RedisopsError } from "../core/errors.ts";
import { retryAfterSeconds } from "../core/retry-after.ts";
import { sample } from "../core/samples.ts";
import type { Probe } from "./probe.ts";

/** What this process has counted of one account's answers since it started. */
interface AccountCounts {
  requests: number;
  throttled: number;
  retryAfterSeconds: number;
}

/** Counters of all accounts; they live as long as the exporter, because counters must not go backwards. */
export class ProviderCounts {
  readonly #accounts = new Map<string, AccountCounts>();

  of(provider: string, account: string): AccountCounts {
    const key = `${provider}/${account}`;
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const fresh = { requests: 0, throttled: 0, retryAfterSeconds: 0 };
    this.#accounts.set(key, fresh);
    return fresh;
  }
}

/** The cheapest authenticated request that each provider documents. */
function requestOf(config: ProviderConfig, account: string): { url: string; authorization: string } {
  switch (config.kind) {
    case "twilio": {
      const credentials = config.accounts[account];
      const sid = credentials?.account_sid ?? "";
      return {
        url: `${config.base_url}/2010-04-01/Accounts/${encodeURIComponent(sid)}.json`,
        authorization: `Basic ${Buffer.from(`${sid}:${credentials?.auth_token.reveal() ?? ""}`).toString("base64")}`,
      };
    }
    case "sendgrid":
      return {
        url: `${config.base_url}/v3/scopes`,
        authorization: `Bearer ${config.accounts[account]?.api_key.reveal() ?? ""}`,
      };
  }
}

/** Whether a provider answers an account's request, or throttles it. */
export function providerProbe(
  provider: string,
  account: string,
  config: ProviderConfig,
  counts: ProviderCounts,
): Probe {
  const labels = { role: "token_bucket", provider, account };
  const address = `${provider} account ${account} at ${config.base_url}`;
  return {
    name: "provider",
    role: "token_bucket",
    target: `${provider}/${account}`,
    address,
    async run(emit, left) {
      const own = counts.of(provider, account);
      try {
        const { url, authorization } = requestOf(config, account);
        const response = await fetch(url, {
          headers: { authorization },
          signal: AbortSignal.timeout(left()),
          redirect: "error",
        }).catch((error: unknown) => {
          const reason =
            error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
          throw new RedisopsError("PROVIDER_UNAVAILABLE", `${address} did not answer: ${reason}`, {
            target: address,
          });
        });
        await response.body?.cancel();
        own.requests += 1;
        const throttled = response.status === 429;
        if (throttled) own.throttled += 1;
        own.retryAfterSeconds = throttled ? retryAfterSeconds(response.headers, Date.now()) : 0;
        if (!throttled && !response.ok) {
          throw new RedisopsError(
            "PROVIDER_UNAVAILABLE",
            `${address} answered with status ${response.status}`,
            {
              target: address,
            },
          );
        }
      } finally {
        emit(sample("redisops_provider_requests_total", labels, own.requests));
        emit(sample("redisops_provider_throttled_total", labels, own.throttled));
        emit(sample("redisops_provider_retry_after_seconds", labels, own.retryAfterSeconds));
      }
    },
  };
}
