import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { version } from "../../core/version.ts";
import { recoveryCommands } from "../../recovery/options.ts";
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

test.each(commands)("redisops %s --help reads as in its transcript", async (command) => {
  const words = [...command.split(" ").filter(Boolean), "--help"];
  const { code, stdout, stderr } = await run(words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const transcript = `$ redisops ${words.join(" ")}\n${stdout}`;
  if (update) writeFileSync(`${folder}${fileOf(command)}`, transcript);
  expect(transcript).toBe(readFileSync(`${folder}${fileOf(command)}`, "utf8"));
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
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

test("help is the same by -h and by the word help, and needs no configuration", async () => {
  const [long, short, word] = await Promise.all([
    run(["status", "--help"]),
    run(["status", "-h"]),
    run(["status", "help"], { REDISOPS_CONFIG: "/nowhere.yaml" }),
  ]);
  expect(short).toEqual(long);
  expect(word).toEqual(long);
});

test("--version prints the released version", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});
