import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format, inspect } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { ConfigError, parseConfig } from "../../../core/config/load.ts";
import { Secret } from "../../../core/config/secret.ts";
import { RedisopsError } from "../../../core/errors.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const registry = "platform: x\nroles:\n  registry:\n    topology: standalone\n    address: r:6379\n";
const account = "platform: x\nroles: {}\nproviders:\n  p:\n    kind: sendgrid\n    accounts:\n";
const receivers = "platform: x\nroles: {}\nalerting:\n  receivers:\n";

/** Each text has a secret, `hunter2` or `4711`, where it must not be. */
const misplaced: readonly (readonly [name: string, text: string])[] = [
  ["as plain text", `${registry}    password: hunter2\n`],
  ["in quotes", `${registry}    password: "hunter2"\n`],
  ["as a number", `${registry}    password: 4711\n`],
  ["as a number with a sign", `${registry}    password: +4711\n`],
  ["in a list", `${registry}    password: [hunter2]\n`],
  ["in a structure", `${registry}    password: {value: hunter2}\n`],
  ["as an alias without anchor", `${registry}    password: *hunter2\n`],
  ["as an anchor", `${registry}    password: &hunter2\n`],
  ["as a tag", `${registry}    password: !hunter2\n`],
  ["after a percent sign", `${registry}    password: %hunter2\n`],
  ["after a block sign", `${registry}    password: |hunter2\n`],
  ["with an open quote", `${registry}    password: "hunter2\n`],
  ["after a closed quote", `${registry}    password: "x" hunter2\n`],
  ["with a backslash", `${registry}    password: "\\hunter2"\n`],
  ["with a colon in it", `${registry}    password: a: hunter2\n`],
  ["on a line of its own", `${registry}    password:\nhunter2\n`],
  ["after a bracket", `${registry}    password: ]hunter2\n`],
  ["as the default of a variable", `${registry}    password: \${NAME:-hunter2}\n`],
  ["beside a variable", `${registry}    password: \${NAME}hunter2\n`],
  ["under a misspelt key", `${registry}    pasword: hunter2\n`],
  ["behind an anchor of another key", `${registry}    username: &u hunter2\n    password: *u\n`],
  ["in the address", registry.replace("r:6379", "user:hunter2@r:6379")],
  ["in an address that is a URL", registry.replace("r:6379", "redis://:hunter2@r:6379")],
  ["in an address with a slash", registry.replace("r:6379", "redis://u:hunter2/x@r:6379")],
  ["in a URL in place of a role", "platform: x\nroles:\n  registry: redis://:hunter2@r:6379\n"],
  [
    "in a list of URLs",
    "platform: x\nroles:\n  sequence:\n    topology: cluster\n    nodes: ['redis://:hunter2@r:1']\n",
  ],
  ["in place of an account", `${account}      main: SG.hunter2\n`],
  ["in place of all accounts", `${account.trimEnd()} hunter2\n`],
  ["as an API key", `${account}      main: {limit_per_second: 1, api_key: SG.hunter2}\n`],
  ["as an API key that is a number", `${account}      main: {limit_per_second: 1, api_key: 4711}\n`],
  ["as a webhook", `${receivers}    page: {webhook: "https://hooks.example/hunter2"}\n`],
  ["in place of a receiver", `${receivers}    page: https://hooks.example/hunter2\n`],
  ["in place of all receivers", `${receivers.trimEnd()} https://hooks.example/hunter2\n`],
  ["in a Postgres URL", "platform: x\nroles: {}\npostgres: postgres://u:hunter2@p/d\n"],
  ["in a Prometheus URL that is none", 'platform: x\nroles: {}\nprometheus: {url: "http://u:hunter2@"}\n'],
  ["as the whole file", "hunter2\n"],
];

test.each(misplaced)("a secret %s is refused and not repeated", (_, text) => {
  expect(text).toMatch(/hunter2|4711/);
  let refused: unknown;
  try {
    parseConfig(text, "redisops.yaml");
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(ConfigError);
  if (!(refused instanceof ConfigError)) return;
  for (const shown of [refused.message, JSON.stringify(refused), inspect(refused), String(refused.stack)]) {
    expect(shown).not.toMatch(/hunter2|4711/);
  }
});

test("a secret in plain text is told how to be written", () => {
  expect(() => parseConfig(`${registry}    password: hunter2\n`, "redisops.yaml")).toThrow(
    /password: got \*\*\* \(a secret in plain text\), expected a reference: \$\{NAME\} of an environment variable, or file:\/path/,
  );
});

test("what a secret holds shows in no way of printing it, alone or in a configuration", () => {
  vi.stubEnv("REGISTRY_PASSWORD", "hunter2");
  const config = parseConfig(`${registry}    password: \${REGISTRY_PASSWORD}\n`, "redisops.yaml");
  const secret = config.roles.registry?.password;
  expect(secret).toBeInstanceOf(Secret);
  expect(secret?.reveal()).toBe("hunter2");
  expect([`${secret}`, String(secret), JSON.stringify(secret), inspect(secret)]).toEqual([
    "***",
    "***",
    '"***"',
    "***",
  ]);
  for (const shown of [
    JSON.stringify(config),
    inspect(config, { depth: null, showHidden: true }),
    inspect(config, { depth: null, customInspect: false }),
    format("%s %o %O %j", config, config, config, config),
    `${secret} ${[secret]}`,
    JSON.stringify({ ...secret }),
    JSON.stringify(Object.entries(config.roles.registry ?? {})),
  ]) {
    expect(shown).not.toContain("hunter2");
  }
});

test("a secret is read anew at each use, from a file without its last line break", () => {
  const folder = mkdtempSync(join(tmpdir(), "redisops-secret-"));
  try {
    const path = join(folder, "password");
    const secret = new Secret(`file:${path}`);
    writeFileSync(path, "first\n");
    expect(secret.reveal()).toBe("first");
    writeFileSync(path, "second\r\n");
    expect(secret.reveal()).toBe("second");
    rmSync(path);
    expect(() => secret.reveal()).toThrow(RedisopsError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ["unset", undefined],
  ["empty", ""],
])("a variable that is %s is an error that names it", (_, value) => {
  vi.stubEnv("REDISOPS_TEST_SECRET", value);
  expect(() => new Secret("${REDISOPS_TEST_SECRET}").reveal()).toThrow("REDISOPS_TEST_SECRET is not set");
});
