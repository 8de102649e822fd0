import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { descendants, isAlive } from "../../lab/process-tree.ts";
import { startPostgres } from "../../lab/servers/postgres.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { startWebhookReceiver } from "../../lab/servers/webhook-receiver.ts";
import { createWorkspace } from "../../lab/workspace.ts";
import { gone, patience } from "../fixtures/processes.ts";

describe("a workspace", { timeout: patience }, () => {
  it("leaves no process and no folder, may be closed twice, and takes nobody afterwards", async () => {
    const workspace = await createWorkspace("test");
    const redis = await startRedis(workspace, { name: "redis" });
    const postgres = await startPostgres(workspace);
    const receiver = await startWebhookReceiver(workspace);
    const pids = [redis.pid, postgres.pid, ...descendants(postgres.pid)];
    await Promise.all([workspace.close(), workspace.close()]);
    await gone(pids);
    expect(existsSync(workspace.dir)).toBe(false);
    await expect(fetch(receiver.url)).rejects.toThrow();
    expect(() => workspace.register({ name: "late", stop: async () => {} })).toThrow(/closing/);
  });

  it("stops the youngest first and all of them although one fails", async () => {
    const workspace = await createWorkspace("test");
    const stopped: string[] = [];
    const member = (name: string, error?: Error) => ({
      name,
      stop: async () => {
        stopped.push(name);
        if (error !== undefined) throw error;
      },
    });
    workspace.register(member("first"));
    workspace.register(member("second", new Error("it would not")));
    workspace.register(member("third"));
    await expect(workspace.close()).rejects.toThrow(/it would not/);
    expect(stopped).toEqual(["third", "second", "first"]);
    expect(existsSync(workspace.dir)).toBe(false);
  });
});

describe("a program with a workspace", { timeout: patience }, () => {
  interface Started {
    readonly dir: string;
    readonly pids: readonly number[];
  }
  let child: ChildProcess;

  afterEach(() => {
    child.kill("SIGKILL");
  });

  const run = async (how: string): Promise<Started> => {
    const file = fileURLToPath(new URL("../fixtures/lab-child.ts", import.meta.url));
    child = spawn(process.execPath, [file, how], { stdio: ["ignore", "pipe", "ignore"] });
    if (child.stdout === null) throw new Error("the child has no stdout");
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    return JSON.parse(line) as Started;
  };
  const end = async (): Promise<unknown> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.signalCode ?? child.exitCode;
  };

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves nothing when interrupted by %s", async (name) => {
    const { dir, pids } = await run("wait");
    expect(pids.every(isAlive)).toBe(true);
    child.kill(name);
    expect(await end()).toBe(name);
    await gone(pids);
    expect(existsSync(dir)).toBe(false);
  });

  it.each([
    ["throw", 1],
    ["exit", 3],
  ] as const)('leaves nothing when it ends by "%s"', async (how, code) => {
    const { dir, pids } = await run(how);
    expect(await end()).toBe(code);
    await gone(pids);
    expect(existsSync(dir)).toBe(false);
  });
});
