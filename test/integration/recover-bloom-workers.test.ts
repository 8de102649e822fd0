import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bitmapKeys, configuredLayout, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { rebuildUnderLoad } from "../fixtures/recover-workers.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(() => platform.reset());
afterAll(() => platform?.close());

describe("a rebuild while workers send", () => {
  // The read itself, the catch-up of the shadow where the live filter cannot be merged, the catch-up of the live one.
  it.each([
    { live: "of the same shape", capacity: 20_000, copies: 2 },
    { live: "of another shape", capacity: 50_000, copies: 3 },
    { live: "that is lost", capacity: undefined, copies: 3 },
  ])("loses none of their ids with a live filter $live", async ({ capacity, copies }) => {
    const ids = await platform.send(5_000);
    if (capacity !== undefined) {
      const layout = configuredLayout({ ...smallFilter, capacity });
      await platform.redis.hset(bitmapKeys.meta(smallFilter.key), layoutToMeta(layout));
      await platform.filter({ capacity }).add(ids.slice(0, 2_500));
    }
    const configFile = await platform.configure({ source: { table: "gated" } });

    const { outcome, sent } = await rebuildUnderLoad(platform, configFile, platform.filter(), copies);

    expect(outcome.stderr).toContain("read: ");
    expect(outcome.code).toBe(0);
    expect(sent.length).toBeGreaterThanOrEqual(copies * 100);
    expect(await platform.lacking([...ids, ...sent])).toEqual([]);
    expect(Object.keys(await platform.keys())).toEqual(["{dedup:sent}:bits:0", "{dedup:sent}:meta"]);
  });

  it("takes in what was committed after the read with a time before it", async () => {
    const ids = await platform.send(1_000);
    await platform.closeGate(1);
    const child = platform.start([
      ...["recover", "bloom", "--execute", "--config"],
      await platform.configure({ source: { table: "gated" } }),
    ]);
    await platform.atGate(1);
    await platform.admin.query("INSERT INTO notifications VALUES ('late', now() - interval '20 seconds')");
    await platform.openGate(1);
    expect((await child.outcome).code).toBe(0);
    expect(await platform.lacking([...ids, "late"])).toEqual([]);
  });
});
