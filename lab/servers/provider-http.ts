import type { Account, ProviderRequest, ProviderResponse } from "./provider-api.ts";
import { type RateVerdict, RateWindow } from "./rate-window.ts";

/** How a provider tells its limit. */
export type LimitHeaders = "ratelimit" | "ratelimit-three" | "x-ratelimit" | "own" | "none";

/** An account of the stand-in for any other provider. */
export interface HttpAccount {
  readonly provider: "http";
  readonly name: string;
  /** The header that must be there, its name in lower case, and its value. */
  readonly credential: readonly [name: string, value: string];
  /** Requests per second over all its endpoints. */
  readonly perSecond: number;
  readonly limitHeaders: LimitHeaders;
}

/** Where the stand-in says what an account is, the cheapest request there is. */
export const httpAccountPath = "/push/account";

/** Whether the path belongs to this stand-in. */
export function isHttpPath(path: string): boolean {
  return path.startsWith("/push/");
}

/** Headers of draft-ietf-httpapi-ratelimit-headers-10, of its version 03, and of vendors. */
function headersOf(form: LimitHeaders, verdict: RateVerdict, now: number): Record<string, string> {
  const { limit, remaining, resetSeconds } = verdict;
  const left = Math.max(0, Math.ceil(resetSeconds - now / 1000));
  switch (form) {
    case "ratelimit":
      return {
        "RateLimit-Policy": `"daily";q=${limit * 86_400};w=86400, "default";q=${limit};w=1`,
        RateLimit: `"default";r=${remaining};t=${left}`,
      };
    case "ratelimit-three":
      return {
        "RateLimit-Limit": `${limit}, ${limit};w=1`,
        "RateLimit-Remaining": String(remaining),
        "RateLimit-Reset": String(left),
      };
    case "x-ratelimit":
      return {
        "X-RateLimit-Limit": String(limit),
        "X-RateLimit-Remaining": String(remaining),
        "X-RateLimit-Reset": String(resetSeconds),
      };
    case "own":
      return {
        "X-Quota": String(limit),
        "X-Quota-Left": String(remaining),
        "X-Quota-Reset-Ms": `${resetSeconds}000`,
      };
    case "none":
      return {};
  }
}

class HttpState implements Account {
  readonly account: HttpAccount;
  readonly window: RateWindow;
  readonly counts = { accepted: 0, throttled: 0 };

  constructor(account: HttpAccount, now: () => number) {
    this.account = account;
    this.window = new RateWindow(account.perSecond, now);
  }

  setLimit(perSecond: number): void {
    this.window.limit = perSecond;
  }
}

/** Accounts of a provider of no particular make. */
export class HttpApi {
  readonly accounts = new Map<string, Account>();
  readonly #states: HttpState[];
  readonly #now: () => number;

  /** `now` tells the time in milliseconds since the epoch. */
  constructor(accounts: readonly HttpAccount[], now: () => number) {
    this.#now = now;
    this.#states = accounts.map((account) => new HttpState(account, now));
    for (const state of this.#states) this.accounts.set(state.account.name, state);
  }

  /** Answers one request to a path for which {@link isHttpPath} holds. */
  answer({ method, path, headers }: ProviderRequest): ProviderResponse {
    const state = this.#states.find(
      ({ account: { credential } }) => headers[credential[0]] === credential[1],
    );
    if (state === undefined) return { status: 401, body: { error: "unauthorized" } };
    if (path !== httpAccountPath) return { status: 404, body: { error: "not found" } };
    if (method !== "GET" && method !== "HEAD") return { status: 405, body: { error: "method not allowed" } };
    const verdict = state.window.take();
    const limits = headersOf(state.account.limitHeaders, verdict, this.#now());
    if (!verdict.allowed) {
      state.counts.throttled += 1;
      return {
        status: 429,
        headers: { ...limits, "Retry-After": "1" },
        body: { error: "too many requests" },
      };
    }
    return { status: 200, headers: limits, body: { name: state.account.name } };
  }
}
