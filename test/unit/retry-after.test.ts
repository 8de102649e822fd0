import { describe, expect, it } from "vitest";
import { retryAfterSeconds } from "../../core/retry-after.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

function wait(headers: Record<string, string>): number {
  return retryAfterSeconds(new Headers(headers), now);
}

/** What Date.parse or Number would take for a wait. */
const nonsense = [
  "-5",
  "1.5",
  "1e3",
  "0x10",
  "Jan 1",
  "2026-01-01T12:00:30Z",
  "+7",
  "7 s",
  "9".repeat(12),
  "",
];

describe("the wait that a 429 asks for", () => {
  it.each([
    ["seconds", { "Retry-After": "7" }, 7],
    ["seconds with blanks", { "Retry-After": " 7 " }, 7],
    ["zero seconds", { "Retry-After": "0" }, 0],
    ["a date", { "Retry-After": "Thu, 01 Jan 2026 12:01:30 GMT" }, 90],
    ["a date that has passed", { "Retry-After": "Thu, 01 Jan 2026 11:00:00 GMT" }, 0],
    ["SendGrid's reset time", { "X-RateLimit-Reset": String(now / 1000 + 5) }, 5],
    ["a reset time that has passed", { "X-RateLimit-Reset": String(now / 1000 - 5) }, 0],
    [
      "Retry-After before the reset time",
      { "Retry-After": "3", "X-RateLimit-Reset": String(now / 1000 + 9) },
      3,
    ],
    [
      "the reset time behind a Retry-After that is none",
      { "Retry-After": "soon", "X-RateLimit-Reset": String(now / 1000 + 9) },
      9,
    ],
    ["a date in RFC 850’s form", { "Retry-After": "Thursday, 01-Jan-26 12:00:30 GMT" }, 30],
    ["a date in C’s form", { "Retry-After": "Thu Jan  1 12:00:30 2026" }, 30],
    ["a reset in seconds from now", { "X-RateLimit-Reset": "30" }, 30],
    ["a reset in milliseconds", { "X-RateLimit-Reset": String(now + 5_000) }, 5],
    ["nothing", {}, 0],
    ["nonsense", { "Retry-After": "soon", "X-RateLimit-Reset": "later" }, 0],
  ])("is read from %s", (_what, headers, seconds) => {
    expect(wait(headers as Record<string, string>)).toBe(seconds);
  });

  it.each(nonsense)("is not read from %j", (text) => {
    expect(wait({ "Retry-After": text })).toBe(0);
    expect(wait({ "Retry-After": text, "X-RateLimit-Reset": String(now / 1000 + 9) })).toBe(9);
  });

  it.each(nonsense.filter((text) => !/^[\d.]+$/.test(text)))("is not read from a reset of %j", (text) => {
    expect(wait({ "X-RateLimit-Reset": text })).toBe(0);
  });
});
