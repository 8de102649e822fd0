import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Exposure,
  exposureLine,
  maxLineBytes,
  parseExposure,
} from "../../../core/exposures/exposure.ts";
import { openSegment, readSegment, segmentPaths } from "../../../core/exposures/segments.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-segments-"));
});

afterAll(() => rm(folder, { recursive: true }));

const exposure = (n: number): Exposure => ({
  userId: `user "${n}" \n é`,
  channel: "sms",
  notificationId: `n-${n}`,
  at: Date.UTC(2026, 0, 1) + n,
});

async function readBack(text: string | Buffer) {
  const path = join(folder, "one.jsonl");
  await writeFile(path, text);
  const file = await open(path);
  const batches = [];
  for await (const batch of readSegment(file)) batches.push(batch);
  await file.close();
  return {
    batches: batches.length,
    exposures: batches.flatMap(({ exposures }) => exposures),
    damaged: batches.reduce((sum, { damaged }) => sum + damaged, 0),
  };
}

test("a line holds all of an exposure", () => {
  expect(exposureLine(exposure(1))).toMatch(/^\{"at":"2026-01-01T00:00:00\.001Z".*\}\n$/);
  expect(parseExposure(exposureLine(exposure(1)))).toEqual(exposure(1));
});

test.each([
  "",
  "null",
  "[]",
  "{",
  '{"at":"x","user_id":"u","channel":"c","notification_id":"n"}',
  '{"at":"2026-01-01","user_id":1}',
  '{"at":"2026-01-01","user_id":"a\\u0000b","channel":"c","notification_id":"n"}',
])("%s is no exposure", (line) => expect(parseExposure(line)).toBeUndefined());

test("a file is read in batches, whatever its chunks cut apart", async () => {
  const all = Array.from({ length: 3_000 }, (_, n) => exposure(n));
  expect(await readBack(all.map(exposureLine).join(""))).toEqual({ batches: 6, exposures: all, damaged: 0 });
});

test("torn, foreign and endless lines are passed over and counted", async () => {
  const text = `${exposureLine(exposure(1))}nonsense\n\n${"x".repeat(maxLineBytes * 9)}\n${exposureLine(exposure(2))}{"at":"20`;
  expect(await readBack(text)).toEqual({ batches: 1, exposures: [exposure(1), exposure(2)], damaged: 3 });
  expect((await readBack("y".repeat(maxLineBytes * 9))).damaged).toBe(1);
  expect(await readBack("")).toEqual({ batches: 0, exposures: [], damaged: 0 });
});

test("a folder's files are found by their ending, the oldest first; one that is gone is none", async () => {
  await writeFile(join(folder, "b.jsonl"), "");
  await writeFile(join(folder, "a.jsonl"), "");
  await writeFile(join(folder, "c.txt"), "");
  expect(await segmentPaths(folder)).toEqual(
    ["a.jsonl", "b.jsonl", "one.jsonl"].map((name) => join(folder, name)),
  );
  expect(await openSegment(join(folder, "gone.jsonl"))).toBeUndefined();
  await expect(
    openSegment(folder).then((file) => file?.stat().then(() => file.close())),
  ).resolves.toBeUndefined();
  await expect(segmentPaths(join(folder, "nowhere"))).rejects.toThrow(/ENOENT/);
});
