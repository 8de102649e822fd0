import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { printedError, run } from "./run.ts";

const example = fileURLToPath(new URL("../../redisops.example.yaml", import.meta.url));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-config-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const withSecret = (reference: string) => `platform: test
roles:
  registry: { topology: standalone, address: "127.0.0.1:6379", password: "${reference}" }
`;

const broken = `platform: test
roles:
  registry:
    topology: standalone
    adress: 127.0.0.1:6379
exporter:
  probe_timeout: soon
`;

describe("config check", () => {
  test("says that a valid configuration is valid", async () => {
    const path = await file("valid.yaml", withSecret("${GIVEN}"));
    const env = { GIVEN: "a-secret-value" };
    expect(await run(["config", "check", "--config", path], env)).toEqual({
      code: 0,
      stdout: `${path} is valid, and all its secrets can be read.\n`,
      stderr: "",
    });
    const { code, stdout, stderr } = await run(["config", "check", "--config", path, "--json"], env);
    expect({ code, document: JSON.parse(stdout), stderr }).toEqual({
      code: 0,
      document: { valid: true },
      stderr: "",
    });
  });

  test("names every problem with file, line and column", async () => {
    const path = await file("broken.yaml", broken);
    const { code, stdout, stderr } = await run(["config", "check", "--config", path]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    const [first, ...lines] = stderr.split("\n");
    expect(first).toBe(`error CONFIG_INVALID  ${path} has 3 problems:`);
    expect(lines[0]).toMatch(`  ${path}:4:5 roles.registry.address: missing; `);
    expect(lines[1]).toBe(`  ${path}:5:5 roles.registry.adress: unknown key; did you mean address?`);
    expect(lines[2]).toMatch(`  ${path}:7:18 exporter.probe_timeout: got "soon", expected a duration`);
    expect(lines[3]).toMatch(/^ {2}next: Mend the named lines/);
    const asJson = await run(["config", "check", "--config", path, "--json"]);
    expect(asJson.code).toBe(64);
    expect(printedError(asJson).problems?.map((each) => [each.line, each.column, each.path])).toEqual([
      [4, 5, "roles.registry.address"],
      [5, 5, "roles.registry.adress"],
      [7, 18, "exporter.probe_timeout"],
    ]);
  });

  test("says where the YAML ends to be YAML", async () => {
    const path = await file("syntax.yaml", 'platform: "test\nroles: {}\n');
    const { code, stderr } = await run(["config", "check", "--config", path]);
    expect(code).toBe(64);
    expect(stderr).toMatch(new RegExp(`^error CONFIG_SYNTAX {2}${path} has .*\\n {2}${path}:\\d+:\\d+ `));
  });

  test("names every secret that cannot be read, with its variable or file", async () => {
    const path = await file(
      "unresolved.yaml",
      `${withSecret("${MISSING_ONE}")}alerting: { receivers: { page: { webhook: "file:/nowhere/webhook" } } }\n`,
    );
    const { code, stdout, stderr } = await run(["config", "check", "--config", path]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(`error SECRET_UNRESOLVED  ${path} refers to 2 secrets that cannot be read:\n`);
    expect(stderr).toContain("  roles.registry.password: The environment variable MISSING_ONE is not set\n");
    expect(stderr).toContain(
      "  alerting.receivers.page.webhook: Cannot read the secret file /nowhere/webhook: ",
    );
    const asJson = await run(["config", "check", "--config", path, "--json"]);
    expect(asJson.code).toBe(64);
    const { code: name, problems } = printedError(asJson);
    expect(name).toBe("SECRET_UNRESOLVED");
    expect(problems?.map((each) => each.path)).toEqual([
      "roles.registry.password",
      "alerting.receivers.page.webhook",
    ]);
  });

  test("takes an empty variable for none", async () => {
    const path = await file("empty.yaml", withSecret("${EMPTY}"));
    const { code, stderr } = await run(["config", "check", "--config", path], { EMPTY: "" });
    expect(code).toBe(64);
    expect(stderr).toContain("refers to 1 secret that cannot be read");
  });
});

describe("config show", () => {
  test("fills in the defaults and masks the secrets, which it does not need", async () => {
    const { code, stdout, stderr } = await run(["config", "show", "--config", example]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const shown = parse(stdout) as Record<string, Record<string, unknown>>;
    expect(shown.roles?.registry).toMatchObject({ password: "***", key: "conn:{user_id}" });
    expect(shown.roles?.preferences).toMatchObject({ password: "***", key: "prefs:{user_id}" });
    expect(shown.exporter).toEqual({
      listen: "0.0.0.0:9910",
      probe_timeout: "2s",
      pending_count_limit: 100_000,
      canary_ids: 200,
      max_series: 10_000,
    });
    expect(shown.thresholds).toEqual({ BloomCold: { absent_ratio: 0.05, for: "1m" } });
    const secrets = (await readFile(example, "utf8")).match(/\$\{\w+\}|file:[^\s}"]+/g) ?? [];
    expect(secrets.length).toBeGreaterThan(6);
    for (const reference of secrets) expect(stdout).not.toContain(reference);
  });

  test("prints the same as JSON", async () => {
    const plain = await run(["config", "show", "--config", example]);
    const asJson = await run(["config", "show", "--config", example, "--json"]);
    expect(asJson).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(asJson.stdout)).toEqual(parse(plain.stdout));
  });

  test("never shows a secret that was written in plain text", async () => {
    const path = await file("plain.yaml", withSecret("hunter2-in-plain-text"));
    for (const words of [
      ["config", "show"],
      ["config", "check"],
      ["config", "check", "--json"],
    ]) {
      const { code, stdout, stderr } = await run([...words, "--config", path], { REDISOPS_DEBUG: "1" });
      expect(code).toBe(64);
      expect(stdout + stderr).toContain("a secret in plain text");
      expect(stdout + stderr).not.toContain("hunter2");
    }
  });
});
