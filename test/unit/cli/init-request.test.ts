import { afterAll, beforeAll, expect, test } from "vitest";
import { type InitOptions, initRequest } from "../../../cli/init-request.ts";
import { RedisopsError } from "../../../core/errors.ts";

beforeAll(() => {
  process.env.INIT_REQUEST_SECRET = "distinctive";
});

afterAll(() => {
  delete process.env.INIT_REQUEST_SECRET;
});

function options(change: Partial<InitOptions>): InitOptions {
  const lists = { redis: [], redisPassword: [], role: [], kafka: [], tls: [] };
  return {
    ...({} as InitOptions),
    out: "-",
    force: false,
    json: false,
    nonInteractive: true,
    ...lists,
    ...change,
  };
}

const request = (change: Partial<InitOptions>) => initRequest(options(change), undefined, () => undefined);

test("addresses may be several words, or one with commas, and roles have theirs", () => {
  const read = request({
    redis: ["a:1,b:2", "c:3 d:4"],
    role: ["registry=a:1", "dedup=[::1]:2"],
    redisPassword: ["${INIT_REQUEST_SECRET}"],
  });
  expect(read.redis).toEqual(["a:1", "b:2", "c:3", "d:4"]);
  expect([...read.roles]).toEqual([
    ["registry", "a:1"],
    ["dedup", "[::1]:2"],
  ]);
  expect(read.redisPasswords).toEqual(["${INIT_REQUEST_SECRET}"]);
});

test.each<[string, Partial<InitOptions>, string, string]>([
  [
    "a secret in plain text",
    { redisPassword: ["plain-distinctive"] },
    "USAGE",
    "--redis-password: expected a reference",
  ],
  [
    "a token in plain text",
    { grafanaToken: "plain-distinctive" },
    "USAGE",
    "--grafana-token: expected a reference",
  ],
  [
    "a reference to nothing",
    { postgresPassword: "${NOT_THERE}" },
    "SECRET_UNRESOLVED",
    "NOT_THERE is not set",
  ],
  ["an address without a port", { redis: ["redis.internal"] }, "USAGE", "--redis: expected host:port"],
  ["a port that there is not", { kafka: ["k:70000"] }, "USAGE", "--kafka: expected host:port"],
  [
    "credentials in an address",
    { prometheus: "http://me:plain-distinctive@p:9090" },
    "USAGE",
    "without credentials",
  ],
  ["a role that there is none of", { role: ["cache=127.0.0.1:1"] }, "USAGE", "expected one of registry"],
  ["a role without an address", { role: ["registry"] }, "USAGE", "expected one of registry"],
])("%s is refused, and not repeated where it may be a secret", (_, change, code, message) => {
  let thrown: unknown;
  try {
    request(change);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof RedisopsError)) throw new Error("it was taken");
  expect([thrown.code, thrown.exitCode]).toEqual([code, 64]);
  expect(thrown.message).toContain(message);
  expect(JSON.stringify(thrown)).not.toContain("distinctive");
});
