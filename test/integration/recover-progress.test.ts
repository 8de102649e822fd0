import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findProgram } from "../../lab/binaries.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { RedisopsChild, redisopsCommand } from "../fixtures/redisops-child.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(() => platform.reset());
afterAll(() => platform?.close());

const words = ["recover", "bloom", "--execute", "--config"];
const escapeCode = "\u001b";
const hideCursor = `${escapeCode}[?25l`;
const showCursor = `${escapeCode}[?25h`;

/** Starts the CLI on a terminal of its own; both streams come out of one. */
function onTerminal(configFile: string): RedisopsChild {
  const line = [...redisopsCommand, ...words, configFile].map((word) => `'${word}'`).join(" ");
  return new RedisopsChild(["-qec", line, "/dev/null"], { ...platform.env, TERM: "xterm" }, [
    findProgram("script"),
  ]);
}

describe("the progress of a rebuild", () => {
  it("is a line for each phase on stderr where that is no terminal, and stdout has no escape codes", async () => {
    await platform.send(5_000);
    const { stdout, stderr } = await platform.recoverBloom({}, "--execute");
    expect(stderr).toMatch(
      /^ {2}read: 5,000 ids in [\d.]+ s \([\d,]+ ids\/s\)\n {2}push: .+ MiB in .+ MiB\/s\)\n$/,
    );
    expect(stdout + stderr).not.toContain(escapeCode);
  });

  it("is JSON events on stderr with --json, and stdout is one document", async () => {
    await platform.send(5_000);
    const { code, stdout, stderr } = await platform.recoverBloom({}, "--execute", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      recovery: "bloom",
      status: "done",
      plan: { items: 5_000 },
      run: expect.stringMatching(/^bloom-\d{8}T\d{6}Z-[0-9a-f]{6}$/),
      journal: expect.stringContaining(platform.folder),
      seconds: expect.any(Number),
      verification: { holds: true, figures: { false_negative_ratio: 0 } },
    });
    const events = stderr.trimEnd().split("\n");
    expect(events.map((line) => JSON.parse(line))).toEqual([
      { event: "phase_ended", phase: "read", done: 5_000, unit: "ids" },
      { event: "phase_ended", phase: "push", done: expect.any(Number), unit: "bytes" },
    ]);
  });

  it("is JSON also when the run is interrupted", async () => {
    await platform.send(5_000);
    await platform.closeGate(1);
    const child = platform.start([
      ...words,
      await platform.configure({ source: { table: "gated" } }),
      "--json",
    ]);
    await platform.atGate(1);
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await child.outcome;
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "INTERRUPTED" } });
    expect(code).toBe(130);
    const events = stderr.trimEnd().split("\n");
    expect(events.map((line) => JSON.parse(line))).toContainEqual({ event: "stopping", signal: "SIGTERM" });
  });

  it("is a bar on a terminal", async () => {
    await platform.send(5_000);
    const { code, stdout } = await onTerminal(await platform.configure()).outcome;
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}read \[[=-]+\] \d+% {2}[\d,]+ ids\/s {2}ETA /);
    expect(stdout).toMatch(/push \[[=-]+\] \d+% {2}\d+ MiB\/s {2}ETA /);
    expect(stdout).toMatch(/ {2}read: 5,000 ids in /);
    expect(stdout.split(hideCursor)).toHaveLength(3);
    expect(stdout.lastIndexOf(showCursor)).toBeGreaterThan(stdout.lastIndexOf(hideCursor));
    expect(stdout).toContain("Verification holds");
  });

  it("gives way to what is said at Ctrl-C on a terminal, and gives the cursor back", async () => {
    await platform.send(5_000);
    await platform.closeGate(1);
    const child = onTerminal(await platform.configure({ source: { table: "gated" } }));
    await platform.atGate(1);
    await child.says("read [");
    child.type("\u0003");
    const { code, stdout } = await child.outcome;
    expect(code).toBe(130);
    expect(stdout.lastIndexOf(showCursor)).toBeGreaterThan(stdout.lastIndexOf(hideCursor));
    const afterBar = stdout.slice(stdout.lastIndexOf(showCursor));
    expect(afterBar).toMatch(/ {2}read: [\d,]+ ids in .+\r\nStopping at the next safe point/);
    expect(afterBar).toMatch(/error INTERRUPTED/);
  });
});
