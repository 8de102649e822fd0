import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { commandLine } from "../../cli/command-line.ts";
import { version } from "../../core/version.ts";
import { recoveryCommands } from "../../recovery/options.ts";
import { complaint } from "../closure/commands.ts";
import { run } from "./run.ts";

const folder = fileURLToPath(new URL("transcripts/", import.meta.url));
/** Set REDISOPS_UPDATE_TRANSCRIPTS=1 to write the transcripts anew; then read the difference. */
const update = process.env.REDISOPS_UPDATE_TRANSCRIPTS === "1";

/** Every command with a help text of its own. */
const commands = [
  "",
  "status",
  "runbook",
  "runbook list",
  "runbook show",
  "runbook open",
  "runbook search",
  "runbook build",
  "recover",
  ...Object.keys(recoveryCommands).map((name) => `recover ${name}`),
  ...["all", "apply", "resume", "join", "throttle", "list", "show"].map((name) => `recover ${name}`),
  "audit",
  "audit preferences",
  "audit duplicates",
  "oncall",
  "drill",
  "drill list",
  "drill run",
  "capacity",
  "init",
  "doctor",
  "exporter",
  "config",
  "config check",
  "config show",
  "dashboards",
  "dashboards build",
  "dashboards diff",
  "dashboards push",
  "generate",
  "generate alerts",
  "generate dashboards",
  "generate kubernetes",
  "catalog",
  "lab",
  "lab up",
  "lab status",
  "lab inject",
  "lab rate",
  "lab down",
  "completion",
];

const fileOf = (command: string) => `${["redisops", ...command.split(" ").filter(Boolean)].join("-")}.txt`;
const wordsOf = (command: string) => [...command.split(" ").filter(Boolean), "--help"];

/** What the real command line prints as help, by default in the columns of a pipe. */
async function helpOf(command: string, columns?: number): Promise<string> {
  const words = wordsOf(command);
  const line = await commandLine(words, () => undefined);
  if (columns !== undefined) line.wrap(columns);
  return new Promise((resolve, reject) => {
    line.parse(words, {}, (error, _, output) => (error ? reject(error) : resolve(`${output}\n`)));
  });
}

/** The examples of a command, each with what is said about it. */
async function examplesOf(command: string): Promise<{ example: string; about: string }[]> {
  const help = await helpOf(command, 1_000);
  const [, body = ""] = /\nExamples:\n(.*?)(?:\n\n|\n*$)/s.exec(help) ?? [];
  return body
    .split("\n")
    .filter(Boolean)
    .map((line) => line.trim().split(/ {2,}/))
    .map(([example = "", about = ""]) => ({ example, about }));
}

/** The commands of redisops in a line of shell. */
const ownCommands = (line: string) => line.match(/(?<![/\w-])redisops [^|>)]*/g) ?? [];

test.each(commands)("redisops %s --help reads as in its transcript", async (command) => {
  const help = await helpOf(command);
  const transcript = `$ redisops ${wordsOf(command).join(" ")}\n${help}`;
  if (update) writeFileSync(`${folder}${fileOf(command)}`, transcript);
  expect(transcript).toBe(readFileSync(`${folder}${fileOf(command)}`, "utf8"));
  expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
});

test("every command that a help text lists has a transcript, and every transcript a command", () => {
  const transcripts = readdirSync(folder);
  expect(transcripts.toSorted()).toEqual(commands.map(fileOf).toSorted());
  for (const name of transcripts) {
    const text = readFileSync(`${folder}${name}`, "utf8");
    const listed = /Commands:\n(.*?)\n\n/s.exec(text)?.[1] ?? "";
    for (const [, command = ""] of listed.matchAll(/^ {2}redisops (\S+(?: \S+)?) {2}/gm)) {
      expect(commands).toContain(command);
    }
  }
});

describe.each(commands)("the examples of redisops %s --help", (command) => {
  test("are of the command itself, say what for, and would run", async () => {
    const examples = await examplesOf(command);
    const own = examples.filter(({ example }) => `${example} `.includes(`redisops ${command}`.trimEnd()));
    expect(own).not.toEqual([]);
    for (const { example, about } of examples) {
      expect(about, example).not.toBe("");
      for (const line of ownCommands(example)) expect(await complaint(line), line).toBeUndefined();
    }
  });
});

test("the program itself prints what the command line says, by --help, by -h and by the word help", async () => {
  const stdout = await helpOf("status");
  const env = { REDISOPS_CONFIG: "/nowhere.yaml", LANG: "de_DE.UTF-8" };
  expect(
    await Promise.all([run(["status", "--help"]), run(["status", "-h"], env), run(["status", "help"], env)]),
  ).toEqual(Array(3).fill({ code: 0, stdout, stderr: "" }));
});

test("--version prints the released version", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});
