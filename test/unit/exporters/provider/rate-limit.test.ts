import { expect, test } from "vitest";
import { parseConfig } from "../../../../core/config/load.ts";
import type { ProviderConfig } from "../../../../core/config/providers-section.ts";
import { readRateLimit, twilioConcurrency } from "../../../../exporters/provider/rate-limit.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);
const seconds = now / 1000;

function provider(yaml: string): ProviderConfig {
  const config = parseConfig(`platform: x\nroles: {}\nproviders:\n  p: ${yaml}\n`, "test.yaml").providers.p;
  if (config === undefined) throw new Error("there is no provider");
  return config;
}

const generic = provider("{ kind: http, base_url: https://push.example, accounts: {} }");
const named = provider(
  "{ kind: http, base_url: https://push.example, accounts: {}, rate_limit: { limit_header: X-Quota, reset_header: X-Quota-Reset, window: 1m } }",
);
const sendgrid = provider("{ kind: sendgrid, accounts: {} }");
const twilio = provider("{ kind: twilio, accounts: {} }");

/** What was told, without what was not. */
const told = (config: ProviderConfig, headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(readRateLimit(config, new Headers(headers), now)).filter(
      ([, value]) => value !== undefined,
    ),
  );

test.each<[what: string, headers: Readonly<Record<string, string>>, limit: object]>([
  [
    "the standard’s draft 10",
    { "RateLimit-Policy": '"default";q=100;w=10', RateLimit: '"default";r=50;t=5' },
    { limit: 100, remaining: 50, resetAt: seconds + 5, windowSeconds: 10 },
  ],
  [
    "several policies: the one with the shortest window, and what is left of that one",
    {
      "RateLimit-Policy": '"day";q=9000;w=86400, "burst";q=10;w=1;comment="a, b; c=1" ,"hour";q=900;w=3600',
      RateLimit: '"day";r=8000;t=80000, "burst";r=3;t=1',
    },
    { limit: 10, remaining: 3, resetAt: seconds + 1, windowSeconds: 1 },
  ],
  [
    "policies that count something else than requests",
    { "RateLimit-Policy": '"bytes";q=5;qu="content-bytes";w=1, "all";q=60;w=60;qu="requests"' },
    { limit: 60, windowSeconds: 60 },
  ],
  [
    "a partition key",
    { "RateLimit-Policy": '"p";q=100;w=60;pk=:dHJpYWwxMjE=:', RateLimit: '"p";pk=:dHJpYWwxMjE=:;r=1' },
    { limit: 100, remaining: 1, windowSeconds: 60 },
  ],
  ["a policy without a window", { "RateLimit-Policy": '"p";q=100' }, { limit: 100 }],
  ["what is left alone", { RateLimit: '"p";r=7;t=3' }, { remaining: 7, resetAt: seconds + 3 }],
  [
    "draft 07",
    { "RateLimit-Policy": "100;w=60", RateLimit: "limit=100, remaining=50, reset=30" },
    { limit: 100, remaining: 50, resetAt: seconds + 30, windowSeconds: 60 },
  ],
  [
    "draft 06",
    {
      "RateLimit-Limit": "100",
      "RateLimit-Remaining": "0",
      "RateLimit-Reset": "9",
      "RateLimit-Policy": "100;w=60",
    },
    { limit: 100, remaining: 0, resetAt: seconds + 9, windowSeconds: 60 },
  ],
  [
    "draft 03",
    { "RateLimit-Limit": "10, 10;w=1, 1000;w=3600", "RateLimit-Remaining": "9", "RateLimit-Reset": "1" },
    { limit: 10, remaining: 9, resetAt: seconds + 1, windowSeconds: 1 },
  ],
  [
    "the headers that vendors have in common",
    { "X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "599", "X-RateLimit-Reset": String(seconds + 60) },
    { limit: 600, remaining: 599, resetAt: seconds + 60 },
  ],
  [
    "the standard before those",
    { "X-RateLimit-Limit": "1", "RateLimit-Policy": '"p";q=2;w=1', RateLimit: '"p";r=1' },
    { limit: 2, remaining: 1, windowSeconds: 1 },
  ],
  ["those where the standard’s hold nonsense", { RateLimit: "???", "X-RateLimit-Limit": "5" }, { limit: 5 }],
  ["nothing", {}, {}],
])("a provider’s limit is read from %s", (_what, headers, limit) => {
  expect(told(generic, headers)).toEqual(limit);
});

test.each<[what: string, name: string, value: string]>([
  ["a limit below 0", "X-RateLimit-Limit", "-1"],
  ["a limit with a plus", "X-RateLimit-Limit", "+1"],
  ["half a request", "X-RateLimit-Limit", "1.5"],
  ["an exponent", "X-RateLimit-Limit", "1e3"],
  ["a hexadecimal limit", "X-RateLimit-Limit", "0x10"],
  ["a limit with separators", "X-RateLimit-Limit", "1,000"],
  ["two limits", "X-RateLimit-Limit", "100, 200"],
  ["a limit beyond all integers", "X-RateLimit-Limit", "9".repeat(16)],
  ["a limit in words", "X-RateLimit-Limit", "unlimited"],
  ["infinity", "X-RateLimit-Limit", "Infinity"],
  ["digits of another script", "X-RateLimit-Limit", "\u00b2"],
  ["nothing but blanks", "X-RateLimit-Remaining", "  "],
  ["a reset below 0", "X-RateLimit-Reset", "-5"],
  ["a reset that is a date", "X-RateLimit-Reset", "2026-01-01T12:00:00Z"],
  ["a quota below 0", "RateLimit-Policy", '"p";q=-1;w=1'],
  ["a quota in a string", "RateLimit-Policy", '"p";q="5";w=1'],
  ["a list that ends in a comma", "RateLimit-Policy", '"p";q=5;w=1,'],
  ["an open string", "RateLimit-Policy", '"p;q=5;w=1'],
  ["an escape in a string", "RateLimit-Policy", '"p\\"";q=5'],
  ["rubbish behind a policy", "RateLimit-Policy", '"p";q=5;w=1 !'],
  ["a policy that is too long to be one", "RateLimit-Policy", `"${"p".repeat(2000)}";q=5;w=1`],
  ["many half-open parameters", "RateLimit-Policy", `"p"${" ; a".repeat(240)} =`],
  ["many blanks", "RateLimit-Policy", `"p"${" ".repeat(900)}x`],
])("%s is no limit", (_what, name, value) => {
  expect(told(generic, { [name]: value })).toEqual({});
});

test("a window of no length is none", () => {
  expect(told(generic, { "RateLimit-Policy": '"p";q=5;w=0' })).toEqual({ limit: 5 });
});

test("the names in redisops.yaml go before all others, and its window as well", () => {
  const headers = { "X-Quota": "120", "X-Quota-Reset": `${seconds + 7}000`, "X-RateLimit-Limit": "7" };
  expect(told(named, headers)).toEqual({ limit: 120, resetAt: seconds + 7, windowSeconds: 60 });
  expect(told(named, { "X-RateLimit-Limit": "7", RateLimit: '"p";r=1' })).toEqual({ windowSeconds: 60 });
});

test("SendGrid’s headers are read, and not those that it does not document", () => {
  const headers = { "X-RateLimit-Limit": "600", "RateLimit-Policy": '"p";q=5;w=1' };
  expect(told(sendgrid, headers)).toEqual({ limit: 600 });
});

test("Twilio tells how many requests it is working on, and no limit", () => {
  const headers = new Headers({ "Twilio-Concurrent-Requests": "17", "X-RateLimit-Limit": "5" });
  expect(readRateLimit(twilio, headers, now)).toEqual({});
  expect(twilioConcurrency(twilio, headers)).toBe(17);
  expect(twilioConcurrency(twilio, new Headers({ "Twilio-Concurrent-Requests": "-1" }))).toBeUndefined();
  expect(twilioConcurrency(sendgrid, headers)).toBeUndefined();
});
