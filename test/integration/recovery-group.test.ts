import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "../../lab/wait.ts";
import { long } from "../fixtures/long.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(async () => {
  await platform.reset();
  await platform.admin.query("TRUNCATE redisops_runs, redisops_runs_journal, redisops_runs_chunks");
});
afterAll(() => platform?.close());

/** A process of the group with a machine's own folder, as each pod has one. */
async function startPod(name: string, group = "job-1") {
  const changes = { source: { table: "gated" }, stateDir: `${platform.folder}/${name}` };
  const words = ["recover", "bloom", "--execute", "--json", "--settle", "0s", "--group", group];
  return platform.start([...words, "--config", await platform.configure(changes)]);
}

/** The runs that there are, with how often each was begun or resumed. */
async function runs(): Promise<Record<string, unknown>[]> {
  const { rows } = await platform.admin.query(`
    SELECT count(*) FILTER (WHERE entry->>'event' = 'resumed')::int AS resumed,
           count(*) FILTER (WHERE entry->>'event' = 'verified')::int AS verified
    FROM redisops_runs_journal GROUP BY run`);
  return rows;
}

const statusOf = ({ stdout }: { readonly stdout: string }) =>
  (JSON.parse(stdout) as { readonly status: string }).status;

/** Sessions of redisops in Postgres. */
async function sessions(): Promise<number> {
  const { rows } = await platform.admin.query(
    "SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'redisops'",
  );
  return Number(rows[0]?.open);
}

describe("processes of a group", () => {
  it("carry out one run between them, whenever they start", async () => {
    const ids = await platform.send(2_000);
    await platform.closeGate(1);
    const pods = await Promise.all(["a", "b", "c"].map((name) => startPod(name)));
    await platform.atGate(1);
    await platform.openGate(1);
    const outcomes = await Promise.all(pods.map(({ outcome }) => outcome));
    expect(
      outcomes.map(({ code }) => code),
      outcomes.map(({ stderr }) => stderr).join(),
    ).toEqual([0, 0, 0]);
    expect(outcomes.map(statusOf).sort()).toEqual(["done", "helped", "helped"]);

    const late = await (await startPod("d")).outcome;
    expect({ code: late.code, status: statusOf(late) }).toEqual({ code: 0, status: "helped" });
    expect(await runs()).toEqual([{ resumed: 0, verified: 1 }]);
    expect(await platform.lacking(ids)).toEqual([]);
  });

  it.each([
    { end: "is told to end", signal: "SIGTERM", code: 130 },
    // It takes the ten seconds until the role is free.
    ...(long ? [{ end: "is killed", signal: "SIGKILL", code: null } as const] : []),
  ] as const)("go on with the run of one that $end", async ({ signal, code }) => {
    const ids = await platform.send(2_000);
    await platform.closeGate(1);
    const first = await startPod("a");
    await platform.atGate(1);
    const before = await sessions();
    const second = await startPod("b");
    await waitUntil(async () => (await sessions()) > before, {
      what: "the second process to look for the run",
      deadlineMs: patience,
    });
    first.kill(signal);
    await platform.openGate(1);
    expect((await first.outcome).code).toBe(code);
    const outcome = await second.outcome;
    expect({ code: outcome.code, status: statusOf(outcome) }, outcome.stderr).toEqual({
      code: 0,
      status: "done",
    });
    expect(await runs()).toEqual([{ resumed: 1, verified: 1 }]);
    expect(await platform.lacking(ids)).toEqual([]);
  });

  it("are refused without the lock in Postgres, without --execute, and under no usable name", async () => {
    const config = await platform.configure();
    const words = ["recover", "bloom", "--config", config];
    const [plan, file, name] = await Promise.all(
      [
        ["--group", "job"],
        ["--group", "job", "--execute", "--lock", "file"],
        ["--group", "a b", "--execute"],
      ].map((own) => platform.start([...words, ...own]).outcome),
    );
    expect([plan, file, name].map((outcome) => outcome?.code)).toEqual([64, 64, 64]);
    expect(plan?.stderr).toContain("give --execute as well");
    expect(file?.stderr).toContain("--group needs the lock in Postgres");
    expect(name?.stderr).toContain("--group must be up to 100");
  });
});
