import { type HeaderSource, retryAfterSeconds } from "../../core/retry-after.ts";

/** What a provider answered: a `Response` of fetch, or a status with the headers as node:http gives them. */
export interface ProviderResponse {
  readonly status: number;
  readonly headers: HeaderSource | Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Milliseconds that a 429 blocks the account when it does not say how long. */
export const defaultBlock = 1_000;
/** Longest block in milliseconds: a wrong clock or header must not take an account away for good. */
const longestBlock = 300_000;

function isSource(headers: ProviderResponse["headers"]): headers is HeaderSource {
  return typeof headers.get === "function";
}

function sourceOf(headers: ProviderResponse["headers"]): HeaderSource {
  if (isSource(headers)) return headers;
  return {
    get(name) {
      const found = Object.keys(headers).find((key) => key.toLowerCase() === name);
      const value = found === undefined ? undefined : headers[found];
      return (typeof value === "string" ? value : value?.[0]) ?? null;
    },
  };
}

/**
 * Milliseconds for which the answer forbids the account; 0 for not at all. A 429 does, for `Retry-After` or until
 * SendGrid's `X-RateLimit-Reset`, a second if it names neither (Twilio's 20429). So does the answer that used up the
 * window, `X-RateLimit-Remaining: 0`.
 *
 * @param now milliseconds since the epoch
 */
export function blockMs({ status, headers }: ProviderResponse, now: number): number {
  const source = sourceOf(headers);
  const throttled = status === 429;
  if (!throttled && source.get("x-ratelimit-remaining")?.trim() !== "0") return 0;
  const asked = retryAfterSeconds(source, now) * 1_000;
  return Math.min(longestBlock, asked === 0 && throttled ? defaultBlock : asked);
}

/** Whether the provider took the notification. */
export function isSent({ status }: ProviderResponse): boolean {
  return status >= 200 && status < 300;
}

/**
 * Whether the answer is about the account or the provider and not about the notification, so that another account may do
 * better: a server error, or credentials that are rejected or not allowed to send.
 */
export function isAccountFailure({ status }: ProviderResponse): boolean {
  return status >= 500 || status === 401 || status === 403;
}
