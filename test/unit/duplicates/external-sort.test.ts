import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Duplicate } from "../../../core/duplicates/duplicate.ts";
import { SendFiles } from "../../../core/duplicates/send-files.ts";
import { SortedRuns } from "../../../core/duplicates/sorted-runs.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-sort-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("sends come back as they were, all of an id in one group, whatever its bytes and however small the files", async () => {
  const files = new SendFiles(folder, 2_000);
  const sent: string[] = [];
  for (let n = 0; n < 20_000; n += 1) {
    const id = Buffer.from([n & 255, (n >> 8) & 63, 0, 10, 44]);
    files.add(id, 1_000_000 + n);
    sent.push(`${id.toString("hex")} ${1_000_000 + n}`);
  }
  // Larger than what is read at once.
  const large = Buffer.alloc(3_000_000, 7);
  files.add(large, 1);
  files.add(Buffer.alloc(0), 2);
  sent.push(`${large.toString("hex")} 1`, " 2");
  const groupOf = new Map<string, number>();
  const found: string[] = [];
  let groups = 0;
  for (const group of files.groups()) {
    groups += 1;
    for (const [id, at] of group) {
      const hex = id.toString("hex");
      expect(groupOf.get(hex) ?? groups).toBe(groups);
      groupOf.set(hex, groups);
      found.push(`${hex} ${at}`);
    }
  }
  // Files of 2,000 bytes: they were spread more than once.
  expect(groups).toBeGreaterThan(64);
  expect(found.toSorted()).toEqual(sent.toSorted());
  expect(await readdir(folder)).toEqual([]);
});

const duplicate = (n: number, at: number): Duplicate => ({
  notification_id: `n-${n}`,
  sends: 2,
  first_at: new Date(at).toISOString(),
  last_at: new Date(at + 1).toISOString(),
});

test("more runs than are merged at once come out in the order of time, then of ids", async () => {
  const runs = new SortedRuns(folder);
  const all: Duplicate[] = [];
  for (let run = 0; run < 150; run += 1) {
    const some = Array.from({ length: 40 }, (_, n) =>
      duplicate(run * 40 + n, ((run * 7919 + n * 31) % 500) * 1_000),
    );
    all.push(...some);
    await runs.add(some);
  }
  await runs.add([]);
  const merged: Duplicate[] = [];
  for await (const batch of runs.merged()) merged.push(...batch);
  expect(merged).toHaveLength(6_000);
  const keys = merged.map((one) => `${one.first_at} ${one.notification_id}`);
  expect(keys).toEqual(all.map((one) => `${one.first_at} ${one.notification_id}`).toSorted());
  expect(await readdir(folder)).toEqual([]);
});
