import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { findProgram, MissingProgramError } from "../../lab/binaries.ts";
import { ServerProcess, startServer } from "../../lab/process.ts";
import { isAlive } from "../../lab/process-tree.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";

let workspace: Workspace;

afterEach(async () => {
  await workspace.close();
});

describe("a server process", { timeout: patience }, () => {
  const script = (code: string): [string, ...string[]] => [process.execPath, "-e", code];
  const options = (code: string) => ({
    name: "script",
    command: script(code),
    cwd: workspace.dir,
    logFile: join(workspace.dir, "script.log"),
  });

  it("is gone after it was not ready in time", async () => {
    workspace = await createWorkspace("test");
    let pid = 0;
    const member = workspace.register.bind(workspace);
    workspace.register = (server) => {
      if (server instanceof ServerProcess) pid = server.pid;
      return member(server);
    };
    const never = startServer(workspace, {
      ...options("setInterval(() => {}, 1000)"),
      readyDeadlineMs: 0,
      ready: async () => false,
    });
    await expect(never).rejects.toThrow(/gave up after 0 s waiting for script to be ready/);
    expect(pid).toBeGreaterThan(0);
    expect(isAlive(pid)).toBe(false);
  });

  it("is killed when it ignores the stop signal", async () => {
    workspace = await createWorkspace("test");
    const logFile = join(workspace.dir, "script.log");
    const server = await startServer(workspace, {
      ...options('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'),
      ready: async () => readFileSync(logFile, "utf8").includes("up"),
      stopDeadlineMs: 100,
    });
    await server.stop();
    expect(server.ending).toBe("was ended by SIGKILL");
  });

  it("says so when the program does not exist", async () => {
    workspace = await createWorkspace("test");
    const starting = startServer(workspace, {
      ...options(""),
      command: ["/nonexistent/server"],
      ready: async () => false,
    });
    await expect(starting).rejects.toThrow(/script could not be run.*ENOENT/);
    expect(() => findProgram("no-such-program")).toThrow(MissingProgramError);
  });

  it("is found although PATH does not name its folder", async () => {
    workspace = await createWorkspace("test");
    const path = process.env.PATH;
    process.env.PATH = "/nonexistent";
    try {
      expect(findProgram("redis-server")).toMatch(/^\/.*redis-server$/);
    } finally {
      process.env.PATH = path;
    }
  });
});
