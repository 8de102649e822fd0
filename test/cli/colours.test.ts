import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "../../lab/binaries.ts";
import { redisopsCommand } from "../fixtures/redisops-child.ts";
import { run } from "./run.ts";

const red = "\u001b[31m";
const anyCode = "\u001b";

let folder: string;
let words: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-colours-"));
  const config = join(folder, "redisops.yaml");
  await writeFile(
    config,
    'platform: test\nroles: { registry: { topology: standalone, address: "127.0.0.1:1" } }\n',
  );
  words = ["status", "--config", config];
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Everything that a command writes when all its streams are a terminal. */
function inTerminal(own: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const command = [...redisopsCommand, ...own];
  const quoted = command.map((word) => `'${word}'`).join(" ");
  const wrapped =
    process.platform === "linux" ? ["-qc", quoted, "/dev/null"] : ["-q", "/dev/null", ...command];
  return new Promise((resolve, reject) => {
    const options = { env: { PATH: process.env.PATH, TERM: "xterm-256color", ...env } };
    execFile(findProgram("script"), wrapped, options, (error, stdout) =>
      error === null || typeof error.code === "number" ? resolve(stdout) : reject(error),
    );
  });
}

test("a pipe gets no escape codes, unless they are asked for", async () => {
  const { code, stdout, stderr } = await run(words);
  expect(code).toBe(1);
  expect(stdout).toContain("refused");
  expect(stdout + stderr).not.toContain(anyCode);
  expect((await run(words, { FORCE_COLOR: "1" })).stdout).toContain(`${red}refused`);
});

test.each([
  ["the table", () => words, "refused"],
  ["an error", () => [], "error USAGE"],
])("%s is coloured in a terminal, and plain there under NO_COLOR", async (_, own, text) => {
  expect(await inTerminal(own(), {})).toContain(`${red}${text}`);
  const plain = await inTerminal(own(), { NO_COLOR: "1" });
  expect(plain).toContain(text);
  expect(plain).not.toContain(anyCode);
});
