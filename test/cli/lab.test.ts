import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LabModule } from "../../cli/lab-module.ts";
import * as commands from "../../lab/platform/commands.ts";
import { processesOf } from "../../lab/platform/process-identity.ts";
import { waitUntil } from "../../lab/wait.ts";
import { LabUnderTest, labPatience } from "../fixtures/lab-platform.ts";
import { run } from "./run.ts";

let lab: LabUnderTest;
beforeEach(() => {
  lab = new LabUnderTest();
});
afterEach(() => lab.remove(), labPatience);

test("the lab's module is what the command line takes it for", () => {
  const module: LabModule<keyof typeof commands.faults> = commands;
  expect(Object.keys(module.faults)).toContain("heal");
});

test(
  "without Kafka the lab says so and runs without it; in the foreground it ends at Ctrl-C, and nothing is left",
  async () => {
    lab.withoutMaven();
    const child = lab.child("up", "--messages", "20", "--notifications", "20");
    await child.says("Up until Ctrl-C.");
    expect(child.stderr).toContain("Without Kafka: ");
    const { processes, folder, rates, withoutKafka } = await lab.status();
    expect(rates).toEqual({ messages: 20, notifications: 20 });
    expect(child.stderr).toContain(withoutKafka);
    expect(processes.map(({ name }) => name)).not.toContain("kafka");
    expect((await lab.run("inject", "kafka-down")).stderr).toContain(
      "error LAB_FAILED  This lab runs without Kafka",
    );
    await lab.statusUntil("messages to flow", ({ messages }) => (messages?.delivered ?? 0) > 0);

    child.kill("SIGINT");
    const { code, stdout, stderr } = await child.outcome;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`redisops lab status --name ${lab.name}`);
    expect(stderr).toContain("The lab is down; nothing of it is left.");
    await lab.expectNothingLeft(
      folder,
      processes.map(({ pid }) => pid),
    );
  },
  labPatience,
);

test.each([
  ["in the foreground", ["up"]],
  ["in the background", ["up", "--detach"]],
])(
  "a start %s that is interrupted leaves nothing",
  async (_, words) => {
    const child = lab.child(...words);
    await child.says("standalone Redis ready");
    const state = await waitUntil(() => lab.state, { what: "the state file", deadlineMs: labPatience });
    expect(processesOf(state.folder).length).toBeGreaterThan(0);
    child.kill("SIGTERM");
    const { code, stderr } = await child.outcome;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringContaining("error INTERRUPTED  The lab's start was interrupted"),
    });
    await lab.expectNothingLeft(state.folder, [state.supervisor.pid]);
  },
  labPatience,
);

test.each(["status", "down", "inject heal", "rate --messages 1"])(
  "lab %s without a lab says so",
  async (line) => {
    const words = line.split(" ");
    const { code, stderr } = await lab.run(...words);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("error LAB_DOWN  There is no lab called test"),
    });
    expect(stderr).toContain(line === "down" ? "next: There is nothing to end." : "next: Start it with");
    const asJson = await lab.run(...words, "--json");
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: "LAB_DOWN" } });
  },
);

test.each([
  ["kill --role registry --for 0s", "--for takes a time above 0 and up to 24h"],
  ["kill --role registry --for 600h", "--for takes a time above 0 and up to 24h"],
  ["cut-shard --shard 1.5", "--shard takes a whole number from 0"],
  ["cut-shard --shard abc", "--shard takes a whole number from 0"],
  ["cut-shard --shard -1", "--shard takes a whole number from 0"],
  ["heal --shard 2", "--shard means nothing to heal: its options are --role"],
  ["heal --for 2s", "--for means nothing to heal: its options are --role"],
  ["restart --role registry --for 2s", "--for means nothing to restart: its options are --role, --shard"],
  ["kafka-down --role registry", "--role means nothing to kafka-down: its options are --for"],
])("lab inject %s is refused before any lab is asked", async (line, message) => {
  const { code, stderr } = await lab.run("inject", ...line.split(" "));
  expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(`error USAGE  ${message}`) });
});

test("a runtime folder with a path too long for a socket is named", async () => {
  const folder = join(tmpdir(), "x".repeat(100));
  const { code, stderr } = await run(["lab", "status"], { ...lab.env, XDG_RUNTIME_DIR: folder });
  rmSync(folder, { recursive: true, force: true });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining("error LAB_FAILED  The path of the"),
  });
});

test("a name that would leave the folder is refused", async () => {
  const { code, stderr } = await run(["lab", "up", "--name", "../elsewhere"], lab.env);
  expect({ code, stderr }).toEqual({
    code: 64,
    stderr: expect.stringContaining("error USAGE  A lab's name has"),
  });
});

test("help needs no lab and lists every fault", async () => {
  const { stdout } = await run(["lab", "inject", "--help"]);
  for (const name of Object.keys(commands.faults)) expect(stdout).toContain(`\n  ${name} `);
});
