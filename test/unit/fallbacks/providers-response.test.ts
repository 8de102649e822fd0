import { describe, expect, it } from "vitest";
import { blockMs } from "../../../fallbacks/providers/provider-response.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);
const reset = String(now / 1_000 + 5);

describe("how long an answer blocks its account", () => {
  it.each([
    ["a 429 without any header", 429, {}, 1_000],
    ["Twilio’s 20429 with Retry-After", 429, { "Retry-After": "2" }, 2_000],
    ["Retry-After as node:http gives it", 429, { "retry-after": "2" }, 2_000],
    ["Retry-After as a date", 429, { "Retry-After": "Thu, 01 Jan 2026 12:01:30 GMT" }, 90_000],
    ["SendGrid’s 429", 429, { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset }, 5_000],
    ["a 429 whose reset has passed", 429, { "X-RateLimit-Reset": String(now / 1_000 - 5) }, 1_000],
    ["a wait beyond reason", 429, { "Retry-After": "99999999" }, 300_000],
    [
      "the answer that used up the window",
      202,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset },
      5_000,
    ],
    ["an answer with room left", 202, { "x-ratelimit-remaining": "7", "x-ratelimit-reset": reset }, 0],
    ["an answer that used up a window of unknown end", 202, { "x-ratelimit-remaining": "0" }, 0],
    ["an ordinary answer", 201, {}, 0],
    ["a server error", 503, { "Retry-After": "9" }, 0],
  ])("%s", (_what, status, headers, milliseconds) => {
    expect(blockMs({ status, headers: headers as Record<string, string> }, now)).toBe(milliseconds);
    expect(blockMs({ status, headers: new Headers(headers as Record<string, string>) }, now)).toBe(
      milliseconds,
    );
  });
});
