import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { RedisopsChild, redisopsCommand } from "../fixtures/redisops-child.ts";
import { printedError, run } from "./run.ts";

const secret = "cli-distinctive-9d1c";

let workspace: Workspace;
let redis: RedisServer;
let folder: string;
const env = { INIT_REDIS: secret };

beforeAll(async () => {
  workspace = await createWorkspace("init-cli");
  folder = await workspace.folder("drafts");
  redis = await startRedis(workspace, { name: "redis", config: [`requirepass ${secret}`, "appendonly yes"] });
});

afterAll(() => workspace.close());

const at = () => `127.0.0.1:${redis.port}`;

test("init drafts without a question, doctor looks at the draft, and nothing is overwritten without --force", async () => {
  const path = join(folder, "first.yaml");
  const words = [
    "init",
    "--non-interactive",
    "--platform",
    "first",
    "--role",
    `sequence=${at()}`,
    "--out",
    path,
  ];
  const variables = { ...env, REDISOPS_INIT_REDIS_PASSWORD: "${INIT_REDIS}" };
  const drafted = await run(words, variables);
  expect([drafted.code, drafted.stdout.includes(`wrote  ${path}`)]).toEqual([0, true]);
  const text = await readFile(path, "utf8");
  expect(text).toContain("# One server. Named by you; no key of this role is there now.");
  expect(text).toContain("password: ${INIT_REDIS}");

  const again = await run([...words, "--json"], variables);
  expect([again.code, printedError(again).code]).toEqual([8, "CONFIG_EXISTS"]);
  expect(await readFile(path, "utf8")).toBe(text);

  const forced = await run([...words, "--force", "--json"], variables);
  expect(JSON.parse(forced.stdout)).toMatchObject({
    path,
    config: { platform: "first", roles: { sequence: { address: at() } } },
    findings: expect.arrayContaining([{ path: "roles.sequence", why: expect.any(String) }]),
    todos: expect.arrayContaining([
      expect.objectContaining({ path: "roles.dedup", how: expect.stringContaining("--role dedup=") }),
    ]),
  });
  expect((await stat(path)).isFile()).toBe(true);

  const examined = await run(["doctor", "--config", path, "--json"], { ...env, HOME: folder });
  expect([examined.code, examined.stderr]).toEqual([0, ""]);
  const { platform, healthy, checks } = JSON.parse(examined.stdout) as {
    platform: string;
    healthy: boolean;
    checks: { id: string; status: string }[];
  };
  expect([platform, healthy]).toEqual(["first", true]);
  expect(checks).toContainEqual(expect.objectContaining({ id: "redis.sequence.acl", status: "ok" }));

  const unset = await run(["doctor", "--config", path], { HOME: folder });
  expect(unset.code).toBe(1);
  expect(unset.stdout).toMatch(/^failed +secrets .*INIT_REDIS/m);
  expect(unset.stdout).toMatch(/\d+ ok, \d+ skipped, \d+ warning, \d+ failed\n$/);
  for (const { stdout, stderr } of [drafted, again, forced, examined, unset]) {
    expect(stdout + stderr).not.toContain("distinctive");
  }
});

test("init refuses what cannot be meant, and writes nothing", async () => {
  const path = join(folder, "refused.yaml");
  const outcome = await run(["init", "--non-interactive", "--json", "--out", path]);
  expect(outcome.code).toBe(64);
  expect(printedError(outcome)).toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("Nothing says where"),
  });
  await expect(stat(path)).rejects.toThrow();
});

test("on a terminal init asks, takes what is typed, and at Ctrl-C writes nothing", async () => {
  const path = join(folder, "asked.yaml");
  const inTerminal = (out: string) =>
    new RedisopsChild(
      [
        "-qec",
        [...redisopsCommand, "init", "--redis", at(), "--postgres", "", "--out", out]
          .map((word) => `'${word}'`)
          .join(" "),
        "/dev/null",
      ],
      { ...process.env, ...env },
      ["script"],
    );
  const child = inTerminal(path);
  await child.says("Postgres, host:port");
  child.type("\r");
  await child.says("wants a password");
  child.type("typed-by-mistake\r");
  await child.says("That is no reference");
  child.type("${INIT_REDIS}\r");
  for (const question of [
    "(registry)",
    "(rate_limit)",
    "(sequence)",
    "(preferences)",
    "(dedup)",
    "(token_bucket)",
  ]) {
    await child.says(question);
    child.type(question === "(sequence)" ? `${at()}\r` : "\r");
  }
  for (const question of [
    "Kafka brokers",
    "Prometheus, http",
    "Alertmanager, http",
    "Grafana, http",
    "Short name",
  ]) {
    await child.says(question);
    child.type(question === "Short name" ? "asked\r" : "\r");
  }
  expect((await child.outcome).code).toBe(0);
  expect(await readFile(path, "utf8")).toMatch(/^platform: asked$[\s\S]*^ {2}sequence:$/m);

  const interrupted = inTerminal(join(folder, "interrupted.yaml"));
  await interrupted.says("Postgres, host:port");
  interrupted.type("\x03");
  expect((await interrupted.outcome).code).toBe(130);
  await expect(stat(join(folder, "interrupted.yaml"))).rejects.toThrow();
});

test("doctor says where a configuration is wrong, and that there is none", async () => {
  const path = join(folder, "wrong.yaml");
  await writeFile(path, "platform: x\nroles: { registry: { topology: standalone } }\n");
  const wrong = await run(["doctor", "--config", path, "--json"]);
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    healthy: false,
    checks: [{ id: "config", status: "failed", found: expect.stringContaining("wrong.yaml:2:") }],
  });
});
