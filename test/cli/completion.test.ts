import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "../../lab/binaries.ts";
import { redisopsCommand } from "../fixtures/redisops-child.ts";
import { run } from "./run.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-completion-"));
  const script = join(folder, "redisops");
  const [program, file] = redisopsCommand;
  await writeFile(script, `#!/bin/sh\nexec '${program}' '${file}' "$@"\n`);
  await chmod(script, 0o755);
  await mkdir(join(folder, "state", "runs"), { recursive: true });
  await writeFile(join(folder, "state", "runs", "bloom-20261122.jsonl"), "");
  await writeFile(
    join(folder, "redisops.yaml"),
    `platform: test\nroles: {}\nstate_dir: ${join(folder, "state")}\n`,
  );
});

afterAll(() => rm(folder, { recursive: true }));

test("bash completes commands, options, modes, roles, recoveries, faults and runs", async () => {
  const lines = [
    ["redisops", "st"],
    ["redisops", "recover", "b"],
    ["redisops", "status", "--role", "de"],
    ["redisops", "status", "--role", "=", "de"],
    ["redisops", "status", "--wa"],
    ["redisops", "runbook", "show", "BloomS"],
    ["redisops", "drill", "run", "BloomC"],
    ["redisops", "lab", "inject", "kill"],
    ["redisops", "recover", "show", "--config", join(folder, "redisops.yaml"), "bl"],
    ["redisops", "recover", "bloom", "--no-such-thing"],
  ];
  const tries = lines.map(
    (words) =>
      `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _redisops; echo "\${COMPREPLY[*]}"`,
  );
  const script = ["source <(redisops completion bash)", ...tries].join("\n");
  const path = [folder, process.env.PATH].join(delimiter);
  const { stdout } = await promisify(execFile)(findProgram("bash"), ["--norc", "-c", script], {
    env: { PATH: path },
  });
  expect(stdout.trimEnd().split("\n")).toEqual(
    [
      "status",
      "bloom",
      "dedup",
      "dedup",
      "--watch",
      "BloomSaturated",
      "BloomCold",
      "kill kill-all",
      "bloom-20261122",
      "",
    ].slice(0, -1),
  );
});

test("zsh and fish get descriptions in their own form, and scripts that ask for them", async () => {
  const ask = (shell: string) => run(["--get-yargs-completions", "redisops", "config", ""], { SHELL: shell });
  const [zsh, fish, zshScript, fishScript] = await Promise.all([
    ask("/bin/zsh"),
    ask("/usr/bin/fish"),
    run(["completion", "zsh"]),
    run(["completion", "fish"]),
  ]);
  expect(zsh.stdout).toContain("check:Name every mistake");
  expect(fish.stdout).toContain("check\tName every mistake");
  expect(zshScript.stdout).toContain("SHELL=zsh redisops --get-yargs-completions");
  expect(fishScript.stdout).toContain("SHELL=fish redisops --get-yargs-completions");
});
