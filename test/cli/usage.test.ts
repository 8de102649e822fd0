import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { redisopsCommand } from "../fixtures/redisops-child.ts";
import { printedError, run } from "./run.ts";

const next = "  next: redisops --help lists the commands; each of them has its own --help.\n";

test.each([
  [
    "",
    "Name a command: status, runbook, recover, audit, oncall, drill, capacity, init, doctor, exporter, config, dashboards, generate, catalog, lab or completion",
  ],
  ["statu", "Unknown command. Did you mean status?"],
  ["frobnicate", "Unknown command: frobnicate"],
  [
    "recover",
    "Say what to recover: sequence, registry, pending, bloom, token-buckets, preferences, all; or what to do with a run: apply, resume, join, throttle, list, show",
  ],
  ["recover blom", "Unknown command. Did you mean bloom?"],
  ["recover token-bucket --execute", "Unknown command. Did you mean token-buckets?"],
  ["config", "Say what to do with the configuration: check or show"],
  ["generate", "Say what to generate: alerts, dashboards or kubernetes"],
  ["generate alerts", "Missing required argument: out"],
  ["lab", "Say what to do with the lab: up, status, inject, rate or down"],
  ["lab upp", "Unknown command. Did you mean up?"],
  ["status dedup", "Unknown command: dedup"],
  ["completion", "Not enough non-option arguments: got 0, need at least 1"],
  ["status --rolle dedup", "Unknown option: --rolle"],
  ["recover bloom --dry-run", "Unknown option: --dry-run"],
  ["recover bloom --no-execute", "Unknown option: --no-execute"],
  ["status -x --no-such-thing 1", "Unknown options: -x, --no-such-thing"],
  ["status --config", "Not enough arguments following: config"],
  ["status --role", "Not enough arguments following: role"],
  ["lab inject kill --role", "Not enough arguments following: role"],
  ["lab inject kill --name", "Not enough arguments following: name"],
])("redisops %s: %s", async (line, message) => {
  const words = line.split(" ").filter(Boolean);
  expect(await run(words)).toEqual({ code: 64, stdout: "", stderr: `error USAGE  ${message}\n${next}` });
  if (words.at(-1)?.startsWith("--")) return;
  const asJson = await run([...words, "--json"]);
  expect(asJson.code).toBe(64);
  expect(printedError(asJson).code).toBe("USAGE");
});

test("a value that is not among the choices is told with them", async () => {
  const { code, stdout, stderr } = await run(["status", "--role", "bloom"]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  expect(stderr).toMatch(
    /^error USAGE {2}Invalid values:\n {2}Argument: role, Given: "bloom", Choices: .*"dedup"/,
  );
});

test("an option that is given twice counts the last time", async () => {
  const { stderr } = await run(["config", "check", "--config", "first.yaml", "--config", "second.yaml"]);
  expect(stderr).toMatch(/^error CONFIG_NOT_FOUND {2}Cannot read the configuration second\.yaml: /);
});

test.each([
  [["status"], "redisops.yaml"],
  [["recover", "bloom"], "redisops.yaml"],
  [["exporter"], "redisops.yaml"],
  [["generate", "dashboards", "--out", "out"], "redisops.yaml"],
  [["status", "--config", "other.yaml"], "other.yaml"],
])("%s without a configuration says where it was looked for", async (words, path) => {
  const env = { HOME: "/nonexistent" };
  const plain = await run(words, env);
  expect({ code: plain.code, stdout: plain.stdout }).toEqual({ code: 64, stdout: "" });
  expect(plain.stderr).toContain(`error CONFIG_NOT_FOUND  Cannot read the configuration ${path}: `);
  expect(plain.stderr).toContain(
    "next: Name it with --config or REDISOPS_CONFIG, or let redisops init draft one",
  );
  const asJson = await run([...words, "--json"], env);
  expect(asJson.code).toBe(64);
  expect(printedError(asJson).code).toBe("CONFIG_NOT_FOUND");
});

test("REDISOPS_CONFIG names the configuration, and --config wins over it", async () => {
  const env = { REDISOPS_CONFIG: "/nowhere/environment.yaml" };
  expect((await run(["status"], env)).stderr).toContain("/nowhere/environment.yaml");
  expect((await run(["status", "--config", "/nowhere/flag.yaml"], env)).stderr).toContain(
    "/nowhere/flag.yaml",
  );
});

test("REDISOPS_DEBUG=1 adds the stack, on stderr", async () => {
  const { stdout, stderr } = await run(["status", "--json"], { REDISOPS_DEBUG: "1" });
  expect(JSON.parse(stdout)).toHaveProperty("error.code", "CONFIG_NOT_FOUND");
  expect(stderr).toMatch(/RedisopsError: Cannot read the configuration .*\n {4}at /);
});

test("a command that is done ends, with all that it has written, although something cannot be taken back", async () => {
  const folder = await mkdtemp(join(tmpdir(), "redisops-end-"));
  try {
    // What a lookup by a dead DNS is to the process: a thread of Node's that waits and cannot be stopped.
    const pipe = join(folder, "never-written");
    execFileSync("mkfifo", [pipe]);
    const hang = join(folder, "hang.mjs");
    await writeFile(hang, `import fs from "node:fs"; fs.open(${JSON.stringify(pipe)}, () => {});`);
    const words = ["config", "show", "--config", "redisops.example.yaml"];
    const usual = await run(words);
    expect(usual.code).toBe(0);
    expect(await run(words, { NODE_OPTIONS: `--import=${hang}` })).toEqual(usual);
    const none = await run(["config", "show", "--config", "none.yaml"], { NODE_OPTIONS: `--import=${hang}` });
    expect(none.code).toBe(64);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a reader that has gone does not end the command half-way", async () => {
  const [program, script] = redisopsCommand;
  const child = spawn(program, [script, "config", "show", "--config", "redisops.example.yaml"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});
