import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answersOk } from "../../lab/servers/http-ready.ts";
import { waitUntil } from "../../lab/wait.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { notified, payload } from "../unit/oncall/payload.ts";
import { SecretsSweep } from "./secrets-sweep.ts";
import { accountSid, type SmallPlatform, startSmallPlatform } from "./small-platform.ts";

const wrong = { redis: "wrong-redis-6f1d", postgres: "wrong-postgres-a07c", provider: "wrong-token-55be" };

let platform: SmallPlatform;
let sweep: SecretsSweep;

beforeAll(async () => {
  platform = await startSmallPlatform();
  const { provider, ...others } = platform.secrets;
  sweep = new SecretsSweep({
    ...others,
    provider,
    "provider credentials": `${accountSid}:${provider}`,
    "wrong redis": wrong.redis,
    "wrong postgres": wrong.postgres,
    "wrong provider": wrong.provider,
    "wrong provider credentials": `${accountSid}:${wrong.provider}`,
  });
}, patience);

afterAll(async () => {
  await platform?.close();
});

const debug = { REDISOPS_DEBUG: "1" };

/** What asks servers. */
const asking = [
  ["status"],
  ["recover", "bloom"],
  ["recover", "bloom", "--execute"],
  ["recover", "token-buckets"],
  ["recover", "token-buckets", "--execute"],
];

/** What only reads the configuration, to which the state of the servers is all one. */
const reading = (out: string) => [
  ["config", "check"],
  ["config", "show"],
  ["generate", "alerts", "--out", out],
  ["generate", "dashboards", "--out", out],
  ["dashboards", "build", "--schema", "v2", "--out", out],
];

/** Runs commands in both forms, and an exporter for some scrapes; returns the exit codes by command. */
async function runEverything(
  situation: string,
  commands: readonly (readonly string[])[],
  env: Readonly<Record<string, string>> = {},
) {
  const listen = `127.0.0.1:${await platform.workspace.port()}`;
  const away = `http://127.0.0.1:${await platform.workspace.port()}`;
  const config = await platform.configure({
    // Short where servers hang, long where a busy machine must not look like that.
    exporter: { listen, probe_timeout: situation === "gone" ? "700ms" : "5s" },
    prometheus: { url: away },
  });
  const codes: Record<string, number | null> = {};
  for (const words of commands) {
    for (const form of [[], ["--json"]]) {
      const line = [...words, ...form, "--config", config];
      const child = platform.start(line, { ...debug, ...env });
      const { code } = await sweep.follow(`${[...words, ...form].join(" ")} (${situation})`, child);
      codes[words.join(" ")] = code;
    }
  }
  const exporter = platform.start(["exporter", "--config", config], { ...debug, ...env });
  await waitUntil(() => answersOk(`http://${listen}/-/ready`), {
    what: "the exporter",
    deadlineMs: patience,
  });
  for (const path of ["/metrics", "/metrics", "/"]) {
    sweep.see(`${path} (${situation})`, await (await fetch(`http://${listen}${path}`)).text());
  }
  exporter.kill("SIGTERM");
  await sweep.follow(`exporter (${situation})`, exporter);
  return codes;
}

/** Runs what looks at the whole platform, and what was asked for beside it, at the same time; returns the exit codes. */
async function look(
  situation: string,
  env: Readonly<Record<string, string>> = {},
  more: (config: string) => readonly (readonly string[])[] = () => [],
) {
  const config = await platform.configure();
  const alert = join(platform.folder, "alert.json");
  await writeFile(alert, JSON.stringify(payload([notified({ alertname: "BloomCold", platform: "small" })])));
  const { redis, postgres } = platform;
  const lines = [
    ["doctor", "--recoveries", "--config", config],
    ["oncall", alert, "--json", "--config", config],
    ["capacity", "--config", config],
    [
      ...["init", "--non-interactive", "--out", "-"],
      ...["--redis", `127.0.0.1:${redis.dedup.port}`, "--redis-password", "${SMALL_REDIS}"],
      ...["--postgres", `127.0.0.1:${postgres.port}`, "--postgres-user", postgres.user],
      ...["--postgres-password", "${SMALL_POSTGRES}"],
    ],
    ...more(config),
  ];
  const outcomes = lines.map((line) =>
    sweep.follow(`${line[0]} (${situation})`, platform.start(line, { ...debug, ...env })),
  );
  return (await Promise.all(outcomes)).map(({ code }) => code);
}

/** What was looked through held what it was meant to hold. */
const seen = (where: string) => sweep.seen.get(where) ?? "";

test(
  "no secret shows on a healthy platform",
  async () => {
    const out = join(platform.folder, "out");
    const codes = await runEverything("healthy", [...asking, ...reading(out)]);
    sweep.see("the rules", await readFile(join(out, "redisops.rules.yml"), "utf8"));
    sweep.see("the dashboard", await readFile(join(out, "redisops-overview.json"), "utf8"));
    expect(Object.values(codes)).toEqual([0, 2, 0, expect.toBeOneOf([0, 2]), 0, 0, 0, 0, 0, 0]);
    sweep.seeFiles("journals", join(platform.folder, "state", "runs"));
    expect(
      [...sweep.seen.keys()].filter((where) => where.startsWith("journals/")).length,
    ).toBeGreaterThanOrEqual(2);
    const manifests = join(platform.folder, "k8s");
    const looked = await look("healthy", {}, (config) => [
      ["drill", "list", "--target", config],
      ["generate", "kubernetes", "--out", manifests, "--config", config],
    ]);
    // Doctor misses indexes and users for each role; what is looked for is only whether it shows a secret.
    expect(looked).toEqual([expect.toBeOneOf([0, 1]), 0, 0, 0, 0, 0]);
    sweep.seeFiles("manifests", manifests);
    expect(seen("manifests/exporter.yaml")).toContain("SMALL_REDIS");
    expect(seen("stdout of init (healthy)")).toContain("password: ${SMALL_REDIS}");
    expect(seen("the arguments during status (healthy)")).toContain("redisops.js status --config");
    expect(seen("/metrics (healthy)")).toContain("redisops_probe_success");
    expect(sweep.leaks()).toEqual([]);

    // The sweep is able to find them: this file holds the webhooks on purpose.
    const check = new SecretsSweep(platform.secrets);
    check.see("alertmanager.yml", await readFile(join(out, "alertmanager.yml"), "utf8"));
    check.see("base64", Buffer.from(platform.secrets.redis).toString("base64"));
    expect(check.leaks()).toEqual([
      "page in alertmanager.yml",
      "ticket in alertmanager.yml",
      "watchdog in alertmanager.yml",
      "redis in base64 in base64",
    ]);
  },
  patience,
);

test(
  "none shows when every server rejects its credentials",
  async () => {
    const env = { SMALL_REDIS: wrong.redis, SMALL_POSTGRES: wrong.postgres, SMALL_PROVIDER: wrong.provider };
    const codes = await runEverything("rejected", asking, env);
    expect(Object.values(codes)).toEqual([1, 1, 1, 1, 1]);
    expect(await look("rejected", env)).toEqual([1, 0, 0, 1]);
    expect(seen("stdout of doctor (rejected)")).toContain("rejects the credentials");
    for (const code of ["REDIS_AUTH", "POSTGRES_AUTH", "PROVIDER_UNAVAILABLE"]) {
      expect(seen("stdout of status (rejected)")).toContain(code);
      expect(seen("stderr of exporter (rejected)")).toContain(code);
    }
    expect(seen("stderr of recover bloom --execute (rejected)")).toMatch(/\n {4}at /);
    sweep.seeFiles("journals", join(platform.folder, "state", "runs"));
    expect(sweep.leaks()).toEqual([]);
  },
  patience,
);

test(
  "none shows when servers hang or are gone",
  async () => {
    const { registry, dedup, token_bucket } = platform.redis;
    await dedup.kill();
    await token_bucket.kill();
    registry.pause();
    await platform.postgres.kill();
    await platform.provider.stop();
    await frozen([registry.pid]);
    try {
      const codes = await runEverything("gone", asking);
      expect(Object.values(codes)).toEqual([1, 1, 1, 1, 1]);
    } finally {
      registry.resume();
    }
    for (const code of ["REDIS_REFUSED", "REDIS_TIMEOUT", "POSTGRES_REFUSED", "PROVIDER_UNAVAILABLE"]) {
      expect(seen("stdout of status (gone)")).toContain(code);
    }
    sweep.seeFiles("journals", join(platform.folder, "state", "runs"));
    expect(sweep.leaks()).toEqual([]);
  },
  patience,
);
