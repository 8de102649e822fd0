import { readdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "../../lab/wait.ts";
import { lockLease } from "../../recovery/lock/role-lock.ts";
import { readJournal } from "../../recovery/run/journal.ts";
import { readRun } from "../../recovery/run/run-state.ts";
import { loseCounters, lowCounters, loweredCounters, writeMessages } from "../chaos/worlds/sequence.ts";
import { type Servers, startServers } from "../chaos/worlds/servers.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";

/** Conversations whose counters are raised, and how many of them a second until the test lets go. */
const conversations = 6_000;
const slowly = ["--max-rate", "400"];

let servers: Servers;
let configFile: string;
let clock: string;
/** Outlives a restart of Postgres. */
let sql: pg.Pool;
const children: RedisopsChild[] = [];

beforeAll(async () => {
  servers = await startServers("recovery-faults");
  await writeMessages(servers, conversations);
  sql = new pg.Pool(servers.postgres.connection);
  sql.on("error", () => undefined);
  clock = join(servers.folder, "clock.mjs");
  await writeFile(
    clock,
    `const ahead = Number(process.env.TEST_CLOCK_AHEAD_MS);
     const now = Date.now;
     Date.now = () => now() + ahead;
     globalThis.Date = class extends Date { constructor(...given) { super(...(given.length > 0 ? given : [Date.now()])); } };`,
  );
}, patience);
beforeEach(async () => {
  await loseCounters(servers, conversations);
  configFile = await configure();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await sql.query("DROP TABLE IF EXISTS redisops_runs_locks, redisops_runs_chunks");
  await rm(servers.stateDir, { recursive: true, force: true });
});
afterAll(async () => {
  await sql?.end();
  await servers?.close();
}, patience);

const configure = (recovery: object = {}) =>
  servers.configure({ roles: { sequence: servers.role }, recovery }, { messages: {} });

function recover(words: readonly string[], env: NodeJS.ProcessEnv = {}): RedisopsChild {
  const all = ["recover", ...words, "--config", configFile];
  const child = new RedisopsChild(all, { ...servers.env, ...env });
  children.push(child);
  return child;
}

const runsFolder = () => join(servers.stateDir, "runs");
const runs = () => readdirSync(runsFolder()).map((name) => name.slice(0, -".jsonl".length));
const stateOf = (run: string) => readRun(run, readJournal(runsFolder(), run) ?? []);

/** A run that has raised some counters, and will need seconds for the others. */
async function halfWay(env: NodeJS.ProcessEnv = {}): Promise<{ child: RedisopsChild; run: string }> {
  const before = await lowCounters(servers, conversations);
  const child = recover(["sequence", "--execute", ...slowly], env);
  await waitUntil(
    async () => {
      if (!child.running) throw new Error((await child.outcome).stderr);
      return (await lowCounters(servers, conversations)) < before;
    },
    { what: "some counters to be raised", deadlineMs: patience },
  );
  const [run] = runs();
  if (run === undefined) throw new Error("there is no run");
  return { child, run };
}

/** It ended half-way with a message that says what happened and how to go on. */
function expectResumable({ code, stdout, stderr }: Outcome, run: string, message: RegExp): void {
  expect(stderr, stdout).toMatch(message);
  expect(stderr).toContain(`redisops recover resume ${run}`);
  expect(code).toBe(5);
  expect(stateOf(run).state).toBe("failed");
}

async function expectRight(): Promise<void> {
  expect(await loweredCounters(servers, conversations)).toBe(0);
}

async function expectResumed(run: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const { code, stdout, stderr } = await recover(["resume", run, "--max-rate", "1000000"], env).outcome;
  expect(code, `${stdout}${stderr}`).toBe(0);
  expect(stdout).toContain("Verification holds");
  expect(stateOf(run).state).toBe("succeeded");
  await expectRight();
}

/** Lets the lease of the role's lock run out: as if the time had passed. */
async function expireLease(): Promise<void> {
  await sql.query(
    "UPDATE redisops_runs_locks SET heartbeat_at = heartbeat_at - $1 * interval '1 millisecond'",
    [lockLease + 1_000],
  );
}

describe("a recovery whose target", { timeout: 2 * patience }, () => {
  it("restarts empty ends half-way, and begins anew when it is resumed", async () => {
    const { child, run } = await halfWay();
    await servers.server.kill();
    await servers.server.restart({ empty: true });
    expectResumable(await child.outcome, run, /^error (TARGET_CHANGED|REDIS_[A-Z]+) {2}/m);
    const resumed = recover(["resume", run, "--max-rate", "1000000"]);
    const { code, stderr } = await resumed.outcome;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("begins anew");
    expect(await lowCounters(servers, conversations)).toBe(0);
  });

  it("hangs ends half-way in time, and is resumed when it answers again", async () => {
    configFile = await configure({ limits: { redis_latency: { pause: "1s", abort: "5s" } } });
    const { child, run } = await halfWay();
    servers.server.pause();
    try {
      await frozen([servers.server.pid]);
      expectResumable(await child.outcome, run, /^error (TARGET_OVERLOADED|REDIS_TIMEOUT) {2}/m);
    } finally {
      servers.server.resume();
    }
    await expectResumed(run);
  });
});

describe("a recovery whose Postgres", { timeout: 2 * patience }, () => {
  it("restarts ends half-way, or goes on; what is resumed succeeds", async () => {
    const { child, run } = await halfWay();
    await servers.postgres.restart();
    recover(["throttle", run, "--max-rate", "1000000"]);
    const outcome = await child.outcome;
    if (outcome.code !== 0) {
      expectResumable(outcome, run, /^error POSTGRES_[A-Z]+ {2}/m);
      await expectResumed(run);
    }
    await expectRight();
  });
});

describe("two operators at once", { timeout: 2 * patience }, () => {
  it("do not work on one role: the second is told who has it, and exits 6", async () => {
    const { child, run } = await halfWay();
    const second = await recover(["sequence", "--execute"]).outcome;
    expect(second.stderr).toMatch(/^error LOCK_HELD {2}/m);
    expect(second.stderr).toContain(run);
    expect(second.code).toBe(6);
    expect((await recover(["resume", run]).outcome).code).toBe(6);
    expect(runs()).toEqual([run]);
    expect((await recover(["throttle", run, "--max-rate", "1000000"]).outcome).code).toBe(0);
    expect((await child.outcome).code).toBe(0);
    await expectRight();
  });

  it("fence off the one whose process had stalled for longer than its lease", async () => {
    const { child, run } = await halfWay();
    child.kill("SIGSTOP");
    await frozen([child.pid]);
    await expireLease();
    const other = await recover(["sequence", "--execute"]).outcome;
    expect(other.code, other.stderr).toBe(0);
    expect(await lowCounters(servers, conversations)).toBe(0);
    child.kill("SIGCONT");
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(/^error FENCED_OFF {2}/m);
    expect(code).toBe(3);
    expect(stateOf(run).state).toBe("failed");
    await expectRight();
  });
});

describe("a clock that is wrong", { timeout: 2 * patience }, () => {
  it.each([3_600_000, -3_600_000])("by %i ms neither takes a role nor loses it", async (ahead) => {
    const wrong = { NODE_OPTIONS: `--import=${clock}`, TEST_CLOCK_AHEAD_MS: String(ahead) };
    const { child, run } = await halfWay();
    const second = await recover(["sequence", "--execute"], wrong).outcome;
    expect(second.code, second.stderr).toBe(6);
    child.kill("SIGKILL");
    await child.outcome;
    await expireLease();
    await expectResumed(run, wrong);
  });
});
