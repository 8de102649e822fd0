import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withNameLocked } from "../../lab/platform/name-lock.ts";
import { identify, labMark, processesOf } from "../../lab/platform/process-identity.ts";
import { claim, type LabState, readState, removeFiles } from "../../lab/platform/state-file.ts";
import { isAlive } from "../../lab/process-tree.ts";
import { LabUnderTest, labPatience } from "../fixtures/lab-platform.ts";
import { gone } from "../fixtures/processes.ts";
import { redisopsCommand } from "../fixtures/redisops-child.ts";

let lab: LabUnderTest;
beforeEach(() => {
  lab = new LabUnderTest();
});
afterEach(() => lab.remove(), labPatience);

/** What a lab leaves whose supervisor was killed: its state, its folder and a process. */
function crashedLab() {
  const folder = mkdtempSync(join(tmpdir(), "redisops-lab-test-"));
  const left = spawn("sleep", ["600"], {
    detached: true,
    stdio: "ignore",
    env: { ...lab.env, [labMark]: folder },
  });
  const pid = left.pid ?? 0;
  mkdirSync(dirname(lab.stateFile), { mode: 0o700 });
  const state = {
    name: lab.name,
    phase: "up",
    supervisor: { pid: process.pid, started: "another process of this pid" },
    folder,
    processes: [{ ...identify(pid), name: "sleep" }],
  };
  writeFileSync(lab.stateFile, JSON.stringify(state), { mode: 0o600 });
  return { folder, pid };
}

test(
  "of several starts after a crash one takes over, and the others are told",
  async () => {
    lab.withoutMaven();
    const crashed = crashedLab();
    const outcomes = await Promise.all([1, 2, 3].map(() => lab.run("up", "--detach")));
    expect(outcomes.map(({ code }) => code).sort()).toEqual([0, 1, 1]);
    for (const { code, stderr } of outcomes) if (code === 1) expect(stderr).toContain("error LAB_RUNNING");
    expect(isAlive(crashed.pid)).toBe(false);
    const { folder, processes } = await lab.status();
    await lab.done("down");
    await lab.expectNothingLeft(
      folder,
      processes.map(({ pid }) => pid),
    );
  },
  labPatience,
);

/** The lab's files, and what another supervisor than this process writes there. */
function filesOf(stateFile: string) {
  mkdirSync(dirname(stateFile), { mode: 0o700 });
  const at = (ending: string) => stateFile.replace(/json$/, ending);
  const supervisor = { pid: 1, started: "once" };
  const state: LabState = { name: lab.name, phase: "up", supervisor, folder: "/nowhere", processes: [] };
  return { files: { state: stateFile, control: at("sock"), lock: at("lock") }, state };
}

test("who clears up after a lab leaves the files of the next one alone", () => {
  const { files, state } = filesOf(lab.stateFile);
  claim(files, state);
  removeFiles(files, { ...state.supervisor, started: "before" });
  expect(readState(files)).toEqual(state);
  expect(() => claim(files, state)).toThrow("The lab test is already there");
  removeFiles(files, state.supervisor);
  expect(readdirSync(dirname(files.state))).toEqual([]);
});

test("the lock of a name is held by one at a time, and outlives no holder", async () => {
  const { files } = filesOf(lab.stateFile);
  writeFileSync(files.lock, JSON.stringify({ pid: process.pid, started: "another process of this pid" }));
  let inside = 0;
  const most: number[] = [];
  const work = async () => {
    inside += 1;
    await new Promise((resolve) => setImmediate(resolve));
    most.push(inside);
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => withNameLocked(files, work)));
  expect(most).toEqual([1, 1, 1, 1, 1]);
  expect(readdirSync(dirname(files.state))).toEqual([]);
});

test("lab down ends what the crashed lab left, but not the shell in its folder that it is called from", async () => {
  const crashed = crashedLab();
  const command = [...redisopsCommand, "lab", "down", "--name", lab.name].join(" ");
  const shell = spawn("sh", ["-c", `${command}; echo "and on: $?"`], {
    cwd: crashed.folder,
    detached: true,
    env: lab.env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  shell.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await new Promise((resolve) => shell.once("close", resolve));
  expect(said).toBe(`the lab test had crashed; 1 processes that it had left are ended\nand on: 0\n`);
  await gone([crashed.pid]);
  expect(processesOf(crashed.folder)).toEqual([]);
});
