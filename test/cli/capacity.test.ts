import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { printedError, run } from "./run.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-capacity-"));
});

afterAll(() => rm(folder, { recursive: true }));

test("capacity --example prints the same to the letter each time, in 120 columns, and a page beside it", async () => {
  const page = join(folder, "capacity.html");
  const { code, stdout, stderr } = await run(["capacity", "--example", "--report", page]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `report: ${page}\n` });
  await expect(stdout).toMatchFileSnapshot("outputs/capacity-example.txt");
  for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
  expect(await readFile(page, "utf8")).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
});

test("capacity --json is one document, with what was set in it", async () => {
  const { code, stdout, stderr } = await run([
    "capacity",
    "--example",
    "--json",
    "--seed=7",
    "--set",
    "postgres_reads_per_second=200000",
    "workers=1000",
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    platform: "example",
    seed: 7,
    figures: {
      postgres_reads_per_second: { value: 200_000, from: "option" },
      workers: { value: 1_000, from: "option" },
    },
  });
});

test.each([
  [["--example", "--set", "workers=none"], "USAGE", '--set workers: expected a number above 0, got "none"'],
  [["--example", "--seed", "-1"], "USAGE", "--seed: expected a whole number from 0 up"],
  [["--example", "--measure"], "USAGE", "--example has no Postgres to --measure"],
  [["--config", "nothing.yaml"], "CONFIG_INCOMPLETE", "describes no role"],
])("capacity %j is refused with exit code 64 before anything is asked", async (words, code, message) => {
  await writeFile(join(folder, "nothing.yaml"), "platform: test\nroles: {}\n");
  const named = words.map((word) => (word === "nothing.yaml" ? join(folder, word) : word));
  const outcome = await run(["capacity", "--json", ...named]);
  expect(outcome.code).toBe(64);
  const error = printedError(outcome);
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
});
