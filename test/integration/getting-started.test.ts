import { spawn } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { redisopsCommand } from "../fixtures/redisops-child.ts";

const page = new URL("../../docs/getting-started.md", import.meta.url);

/** Longest time for all of the page, in milliseconds. */
const patience = 120_000;

let workspace: Workspace;

beforeAll(async () => {
  workspace = await createWorkspace("getting-started");
});

afterAll(() => workspace.close());

/** The commands of the page's shell blocks, each with its lines: one line, or one with a document that follows. */
function commandsIn(text: string): string[] {
  const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, body = ""]) =>
    body.trimEnd().split("\n"),
  );
  const commands: string[] = [];
  let document = false;
  for (const line of lines) {
    if (document) commands[commands.length - 1] += `\n${line}`;
    else commands.push(line);
    document = document ? line !== "END" : line.includes("<<'END'");
  }
  return commands;
}

/** The page with ports that are free here in place of its own. */
async function withFreePorts(text: string): Promise<string> {
  let changed = text;
  for (const port of [6400, 9910, 9090, 9093])
    changed = changed.replaceAll(String(port), String(await workspace.port()));
  return changed;
}

interface Step {
  readonly command: string;
  readonly code: number;
  readonly output: string;
}

/** Runs all commands in one shell, as a reader does. Ends the shell with all that it started. */
async function walkThrough(commands: readonly string[], folder: string): Promise<Step[]> {
  const bin = join(folder, "bin");
  await workspace.folder("walk/bin");
  const program = join(bin, "redisops");
  await writeFile(program, `#!/bin/sh\nexec ${redisopsCommand.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  await chmod(program, 0o755);
  const script = commands.map((command) => `${command}\necho "@@ended $?"`).join("\n");
  const shell = spawn("bash", ["-c", script], {
    cwd: folder,
    detached: true,
    env: { PATH: `${bin}:${process.env.PATH}`, HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = shell;
  if (pid === undefined) throw new Error("there is no bash");
  // It must end before the test does: nobody would end its servers otherwise.
  const late = setTimeout(() => process.kill(-pid, "SIGKILL"), patience);
  let all = "";
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (all += text));
  try {
    await new Promise((resolve, reject) => shell.once("exit", resolve).once("error", reject));
  } finally {
    clearTimeout(late);
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // All of them have ended.
    }
  }
  const parts = all.split(/@@ended (\d+)\n/);
  return commands.map((command, index) => ({
    command,
    output: parts[2 * index] ?? "",
    code: Number(parts[2 * index + 1] ?? Number.NaN),
  }));
}

test("the commands of docs/getting-started.md lead from an empty folder to the first alert and back", {
  timeout: 2 * patience,
}, async () => {
  const text = await readFile(page, "utf8");
  const folder = await workspace.folder("walk");
  const steps = await walkThrough(commandsIn(await withFreePorts(text)), folder);
  const of = (command: string) => steps.filter((step) => step.command === command);
  // The doctor has something to say, and so has the status while the server is away.
  const failed = steps
    .filter(({ code }) => code !== 0)
    .map(({ command, code, output }) => ({ command, code, output }));
  expect(failed.map(({ command, code }) => [command, code])).toEqual([
    ["redisops doctor", 1],
    ["redisops status", 1],
  ]);
  const [doctor] = of("redisops doctor");
  expect([...(doctor?.output.matchAll(/^failed +(\S+)/gm) ?? [])].map(([, id]) => id)).toEqual(
    expect.arrayContaining(["alertmanager.routes.page", "alertmanager.routes.ticket"]),
  );
  const ids = [...(doctor?.output.matchAll(/^failed +(\S+)/gm) ?? [])].map(([, id = ""]) => id);
  expect(ids.filter((id) => !id.startsWith("alertmanager.routes."))).toEqual([]);
  expect(doctor?.output).toMatch(/^ok +prometheus\.rules/m);
  const statuses = of("redisops status").map(({ output }) => output);
  expect(statuses).toEqual([
    expect.stringMatching(/sequence .* ok/),
    expect.stringMatching(/refused[\s\S]*RedisDown/),
    expect.stringMatching(/sequence .* ok/),
  ]);
  expect(of("redisops runbook show RedisDown")[0]?.output).toContain("RedisDown");
});
