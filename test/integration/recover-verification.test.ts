import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventsOf, readJournals, wholeRun } from "../fixtures/journal.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(async () => {
  await platform.reset();
  await rm(join(platform.folder, "state"), { recursive: true, force: true });
});
afterAll(() => platform?.close());

/**
 * Runs a rebuild; when its n-th read is over, half as many ids again turn up in Postgres that were sent long ago and
 * that no worker added to the filter. No read that follows looks that far back.
 */
async function rebuildWithUnknownIds(n: number, ...words: string[]) {
  const ids = await platform.send(2_000);
  await platform.filter().add(ids.slice(0, 1_000));
  await platform.closeGate(n);
  const before = await platform.keys();
  const configFile = await platform.configure({ source: { table: "gated" } });
  const child = platform.start(["recover", "bloom", "--execute", "--config", configFile, ...words]);
  await platform.atGate(n);
  const unknown = await platform.send(1_000, "unknown");
  await platform.openGate(n);
  return { before, ids, unknown, outcome: await child.outcome };
}

const journal = () => readJournals(join(platform.folder, "state"))[0] ?? [];

describe("a rebuild whose filter lacks ids", () => {
  it("does not put it in place where that shows before the swap", async () => {
    const { before, outcome } = await rebuildWithUnknownIds(1);
    expect(outcome.stderr).toMatch(
      /^error VERIFICATION_FAILED {2}The new filter lacks \d+ of 200 sampled known-sent ids; it was not put in place\n {2}next: .+\n$/m,
    );
    expect(outcome.code).toBe(7);
    expect(await platform.keys()).toEqual(before);
    expect(eventsOf(journal()).slice(-2)).toEqual(["step_started check", "failed"]);
  });

  it("exits 7 and says what is missing where that shows after it", async () => {
    const { ids, unknown, outcome } = await rebuildWithUnknownIds(2);
    expect(outcome.stdout).toMatch(/Done in [\d.]+ s\. Verification does not hold:/);
    expect(outcome.stdout).toMatch(/false negatives +[1-9][\d.]+ % \(\d+ of \d+ known-sent ids absent\)/);
    expect(outcome.stdout).toMatch(/modes that still hold +BloomCold/);
    expect(outcome.stderr).toMatch(/^error VERIFICATION_FAILED {2}.+\n {2}next: .+\n$/m);
    expect(outcome.code).toBe(7);
    expect(await platform.lacking(ids)).toEqual([]);
    expect((await platform.lacking(unknown)).length).toBeGreaterThan(900);
    expect(eventsOf(journal())).toEqual(wholeRun("build", "check", "swap", "catch up live"));
    expect(journal().at(-1)).toMatchObject({ event: "verified", holds: false });
  });

  it.each(["now()", "now() + interval '1 hour'"])(
    "proves nothing by ids that were sent at %s",
    async (time) => {
      await platform.admin.query(
        `INSERT INTO notifications SELECT 'id-' || n, ${time} FROM generate_series(1, 100) AS n`,
      );
      expect((await platform.recoverBloom({})).stdout).toContain(
        "no id could be sampled (none is older than a minute): the new filter cannot be verified",
      );
      const { code, stdout, stderr } = await platform.recoverBloom({}, "--execute");
      expect(stdout).toContain("Verification does not hold:");
      expect(stdout).toMatch(/false negatives +could not be verified: no id is older than a minute/);
      expect(stderr).toMatch(/^error VERIFICATION_FAILED {2}.+\n {2}next: Run the command again.+\n$/m);
      expect(code).toBe(7);
      expect(journal().at(-1)).toMatchObject({ holds: false, figures: { known_sent_sampled: 0 } });
    },
  );

  it("says so as one JSON document", async () => {
    const { outcome } = await rebuildWithUnknownIds(2, "--json");
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      status: "verification_failed",
      verification: { holds: false },
      error: { code: "VERIFICATION_FAILED", next: expect.any(String) },
    });
    for (const line of outcome.stderr.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("event");
    expect(outcome.code).toBe(7);
  });
});
