import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "./run.ts";

let folder: string;
let config: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-nothing-"));
  config = join(folder, "redisops.yaml");
  await writeFile(config, "platform: test\nroles: {}\n");
});

afterAll(() => rm(folder, { recursive: true }));

test.each([
  [["status"], "no role, no Postgres and no provider"],
  [["status", "--role", "dedup"], "no dedup"],
])("%s does not call a platform healthy that it did not look at", async (words, missing) => {
  const { code, stdout, stderr } = await run([...words, "--config", config]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  expect(stderr).toContain("CONFIG_INCOMPLETE");
  expect(stderr).toContain(missing);
});

test("generate alerts warns when pages reach nobody", async () => {
  const { code, stderr } = await run([
    "generate",
    "alerts",
    "--config",
    config,
    "--out",
    join(folder, "out"),
  ]);
  expect(code).toBe(0);
  expect(stderr).toContain("alerting.receivers.page is not set");
});
