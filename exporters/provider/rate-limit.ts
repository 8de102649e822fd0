import type { ProviderConfig } from "../../core/config/providers-section.ts";
import { parseDuration } from "../../core/duration.ts";
import { type HeaderSource, headerNumber, resetSeconds } from "../../core/retry-after.ts";
import { isWholeNumber, listMembers } from "./structured-list.ts";

/** What an answer says of the account's limit; what it does not say is left out. */
export interface RateLimit {
  /** Requests per window. */
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  /** When the window ends, in seconds since 1970. */
  readonly resetAt?: number | undefined;
  /** How long the window is, in seconds. */
  readonly windowSeconds?: number | undefined;
}

const whole = (value: string | null | undefined) => {
  const number = headerNumber(value);
  return isWholeNumber(number) ? number : undefined;
};

function namedHeaders(
  headers: HeaderSource,
  names: Readonly<Record<"limit" | "remaining" | "reset", string | undefined>>,
  now: number,
): RateLimit {
  const read = (name: string | undefined) => (name === undefined ? null : headers.get(name));
  return {
    limit: whole(read(names.limit)),
    remaining: whole(read(names.remaining)),
    resetAt: resetSeconds(read(names.reset), now),
  };
}

/** The names of a family of three headers, `X-RateLimit-*` for example. */
const family = (prefix: string) => ({
  limit: `${prefix}-limit`,
  remaining: `${prefix}-remaining`,
  reset: `${prefix}-reset`,
});

interface Policy {
  readonly name: string;
  readonly quota: number;
  readonly windowSeconds: number | undefined;
}

/** Policies that count requests, the shortest window first: that is what a limit per second can be compared with. */
function policies(headers: HeaderSource): Policy[] {
  // Drafts up to 05 have the policies behind the limit: RateLimit-Limit: 100, 100;w=60.
  return listMembers(headers.get("ratelimit-policy") ?? headers.get("ratelimit-limit"))
    .flatMap(({ value, parameters }): Policy[] => {
      // Drafts up to 07 have the quota itself for a name: 100;w=60.
      const quota = parameters.get("q") ?? whole(value);
      const unit = parameters.get("qu") ?? "requests";
      const window = parameters.get("w");
      if (!isWholeNumber(quota) || unit !== "requests") return [];
      return [
        { name: value, quota, windowSeconds: isWholeNumber(window) && window > 0 ? window : undefined },
      ];
    })
    .sort((a, b) => (a.windowSeconds ?? Number.MAX_VALUE) - (b.windowSeconds ?? Number.MAX_VALUE));
}

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers: `RateLimit: "default";r=50;t=30` beside
 * `RateLimit-Policy: "default";q=100;w=60` (08 to 10), `RateLimit: limit=100, remaining=50, reset=30` (07), and
 * `RateLimit-Limit`, `-Remaining`, `-Reset` (before).
 */
function ietfFields(headers: HeaderSource, now: number): RateLimit {
  const [policy] = policies(headers);
  const members = listMembers(headers.get("ratelimit"));
  const own =
    members.find(({ value }) => value === policy?.name) ?? (policy === undefined ? members[0] : undefined);
  const entry = (name: string) => members.find(({ value }) => value === name)?.assigned;
  const three = namedHeaders(
    // Drafts up to 06 allow policies behind the limit: 100, 100;w=60.
    { get: (name) => headers.get(name)?.split(",")[0] ?? null },
    family("ratelimit"),
    now,
  );
  const remaining = own?.parameters.get("r");
  const reset = own?.parameters.get("t") ?? entry("reset");
  return {
    limit: policy?.quota ?? entry("limit") ?? three.limit,
    remaining: (isWholeNumber(remaining) ? remaining : undefined) ?? entry("remaining") ?? three.remaining,
    resetAt: isWholeNumber(reset) ? now / 1000 + reset : three.resetAt,
    windowSeconds: policy?.windowSeconds,
  };
}

/** Without names in redisops.yaml: the standard's fields first, each value that they lack from `X-RateLimit-*`. */
function usualHeaders(headers: HeaderSource, now: number): RateLimit {
  const standard = ietfFields(headers, now);
  const common = namedHeaders(headers, family("x-ratelimit"), now);
  return standard.limit === undefined && standard.remaining === undefined ? common : standard;
}

/**
 * Reads an answer's limit as its provider tells it. Values that are none count as absent.
 *
 * - SendGrid: `X-RateLimit-*`, for the endpoint that was asked; how long its window is, it does not say.
 * - Twilio: no such header (it limits concurrency; see `twilioConcurrency`).
 *
 * @param now milliseconds since 1970
 */
export function readRateLimit(config: ProviderConfig, headers: HeaderSource, now: number): RateLimit {
  switch (config.kind) {
    case "twilio":
      return {};
    case "sendgrid":
      return namedHeaders(headers, family("x-ratelimit"), now);
    case "http": {
      const { limit_header, remaining_header, reset_header, window } = config.rate_limit;
      const names = { limit: limit_header, remaining: remaining_header, reset: reset_header };
      const named = Object.values(names).some((name) => name !== undefined);
      const told = named ? namedHeaders(headers, names, now) : usualHeaders(headers, now);
      return window === undefined ? told : { ...told, windowSeconds: parseDuration(window) / 1000 };
    }
  }
}

/** Requests of the account that Twilio was working on, from `Twilio-Concurrent-Requests` (documented under error 20429). */
export function twilioConcurrency(config: ProviderConfig, headers: HeaderSource): number | undefined {
  return config.kind === "twilio" ? whole(headers.get("twilio-concurrent-requests")) : undefined;
}
