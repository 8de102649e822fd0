import { afterEach, beforeEach, expect, test } from "vitest";
import type { LabModule } from "../../cli/lab-module.ts";
import * as commands from "../../lab/platform/commands.ts";
import { withoutTerminalIn } from "../../lab/platform/process-identity.ts";
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
    expect(withoutTerminalIn(state.folder).length).toBeGreaterThan(0);
    child.kill("SIGTERM");
    const { code, stderr } = await child.outcome;
    expect({ code, stderr }).toEqual({ code: 130, stderr: expect.stringContaining("error INTERRUPTED") });
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
    const asJson = await lab.run(...words, "--json");
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: "LAB_DOWN" } });
  },
);

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
