import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "../../lab/binaries.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { RedisopsChild, redisopsCommand } from "../fixtures/redisops-child.ts";

let workspace: Workspace;
let redis: RedisServer;
let words: string[];
const children: RedisopsChild[] = [];

beforeAll(async () => {
  workspace = await createWorkspace("watch");
  redis = await startRedis(workspace, { name: "registry" });
  const config = join(await workspace.folder("redisops"), "redisops.yaml");
  await writeFile(
    config,
    `platform: watched\nroles: { registry: { topology: standalone, address: "127.0.0.1:${redis.port}" } }\n`,
  );
  words = ["status", "--watch", "--interval", "500ms", "--config", config];
}, patience);

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await workspace?.close();
});

function start(own: readonly string[], command?: readonly string[]): RedisopsChild {
  const env = { PATH: process.env.PATH, TERM: "xterm-256color" };
  const child = new RedisopsChild(own, env, command);
  children.push(child);
  return child;
}

/** The live view in a terminal that `script` makes. */
function live(): RedisopsChild {
  const command = [...redisopsCommand, ...words].map((word) => `'${word}'`).join(" ");
  // The terminal of a test has no size by itself.
  const sized = `stty cols 100 rows 30; ${command}`;
  const wrapped =
    process.platform === "linux" ? ["-qec", sized, "/dev/null"] : ["-q", "/dev/null", "sh", "-c", sized];
  return start([], [findProgram("script"), ...wrapped]);
}

test("is live on a terminal, also while the server hangs, and q ends it with 0", {
  timeout: patience,
}, async () => {
  const child = live();
  await child.says("every 0.5 s");
  redis.pause();
  await frozen([redis.pid]);
  try {
    await child.says("RedisHung");
    child.type("q");
    const { code, stdout } = await child.outcome;
    expect(code).toBe(0);
    const text = stripVTControlCharacters(stdout);
    expect(text).toContain("Probing the platform …");
    expect(text).toMatch(/watched {2}\d\d:\d\d:\d\dZ {2}every 0\.5 s, q quits/);
    expect(text).toMatch(/Next\s+RegistryDown: /);
    // The cursor is back.
    expect(stdout.lastIndexOf("\u001b[?25h")).toBeGreaterThan(stdout.lastIndexOf("\u001b[?25l"));
  } finally {
    redis.resume();
  }
});

test("Ctrl-C ends it with 130", { timeout: patience }, async () => {
  const child = live();
  await child.says("every 0.5 s");
  child.type("\u0003");
  expect((await child.outcome).code).toBe(130);
});

test("prints a line per look where stdout is no terminal, and JSON lines with --json", {
  timeout: patience,
}, async () => {
  const [lines, json] = [start(words), start([...words, "--json"])];
  const look = /^\d{4}-\d\d-\d\dT\S+Z {2}1 ok\n/;
  await Promise.all(
    [lines, json].map((child) =>
      waitUntil(() => child.stdout.split("\n").length > 2, { what: "two looks", deadlineMs: patience }),
    ),
  );
  lines.kill("SIGINT");
  json.kill("SIGTERM");
  const [plain, documents] = await Promise.all([lines.outcome, json.outcome]);
  expect(plain).toMatchObject({ code: 130, stdout: expect.stringMatching(look), stderr: "" });
  expect(documents).toMatchObject({ code: 130, stderr: "" });
  // The fixture has held each line against the schema.
  const [, second = ""] = documents.stdout.split("\n");
  expect(JSON.parse(second)).toMatchObject({
    platform: "watched",
    healthy: true,
    rates: { registry: { commands: expect.any(Number) } },
    under_way: [],
  });
});

test("ends with whoever reads its lines", { timeout: patience }, async () => {
  const command = [...redisopsCommand, ...words].map((word) => `'${word}'`).join(" ");
  const { stdout } = await start([], ["sh", "-c", `${command} | head -n 1`]).outcome;
  expect(stdout).toMatch(/ 1 ok\n$/);
});

test.each(["0s", "499ms", "soon", "25h"])("--interval %s is a usage error", async (interval) => {
  const { code, stderr } = await start(["status", "--watch", "--interval", interval]).outcome;
  expect(code).toBe(64);
  expect(stderr).toContain("error USAGE  --interval takes a time from 0.5 s to 24 h");
});
