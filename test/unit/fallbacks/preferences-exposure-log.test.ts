import { execFile, execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ExposureLog, type ExposureLogOptions } from "../../../fallbacks/preferences/exposure-log.ts";
import { waitUntil } from "../../../lab/wait.ts";

let parent: string;
let directory: string;
let metrics: Registry;
let logs: ExposureLog[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "redisops-log-"));
  directory = join(parent, "deep", "folder");
  metrics = new Registry();
  logs = [];
});

afterEach(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await rm(parent, { recursive: true });
});

function openLog(options: Partial<ExposureLogOptions> = {}): ExposureLog {
  const log = new ExposureLog({ directory, metrics, ...options });
  logs.push(log);
  return log;
}

const exposure = (n: number) => ({ userId: `u${n}`, channel: "sms", notificationId: `n${n}`, at: n });

async function written(): Promise<string[]> {
  const names = (await readdir(directory)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
  return texts.flatMap((text) => text.split("\n").filter(Boolean));
}

const counted = async (name: string) =>
  Number(new RegExp(`^redisops_preference_${name}\\{.*\\} (\\d+)$`, "m").exec(await metrics.metrics())?.[1]);

test("what is recorded is in the file when the decision goes on, and the folder is for its owner alone", async () => {
  const log = openLog();
  await Promise.all(Array.from({ length: 1_000 }, (_, n) => log.record(exposure(n))));
  expect(await written()).toHaveLength(1_000);
  expect(new Set(await written()).size).toBe(1_000);
  expect(await counted("exposures_total")).toBe(1_000);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test("the folder's bytes are bounded, those of earlier processes included: what does not fit is dropped and counted", async () => {
  openLog();
  await writeFile(join(directory, "earlier.jsonl"), "x".repeat(5_000));
  const log = openLog({ maxBytes: 10_000 });
  for (let n = 0; n < 200; n += 1) await log.record(exposure(n));
  const sizes = await Promise.all((await readdir(directory)).map((name) => stat(join(directory, name))));
  const stored = sizes.reduce((sum, { size }) => sum + size, 0);
  expect(stored).toBeLessThanOrEqual(10_000);
  expect(stored).toBeGreaterThan(9_800);
  const kept = await counted("exposures_total");
  expect(await written()).toHaveLength(kept + 1);
  expect(kept + (await counted("exposures_dropped_total"))).toBe(200);
});

test("a disk that takes nothing holds no decision up, and its lines are counted as dropped", async () => {
  const log = openLog();
  // The folder is taken away: no file can be made in it.
  await rm(directory, { recursive: true });
  await Promise.all(Array.from({ length: 10 }, (_, n) => log.record(exposure(n))));
  expect(await counted("exposures_dropped_total")).toBe(10);
  await log.record({ ...exposure(1), userId: "u".repeat(20_000) });
  expect(await counted("exposures_dropped_total")).toBe(11);
});

test("a disk that refuses every write is left alone for a while, and keeps no empty files", async () => {
  const script = `
    const [{ ExposureLog }, { Registry }, { readdirSync }] = await Promise.all([
      import(${JSON.stringify(new URL("../../../fallbacks/preferences/exposure-log.ts", import.meta.url).href)}),
      import("prom-client"), import("node:fs")]);
    const directory = ${JSON.stringify(directory)};
    const metrics = new Registry();
    const log = new ExposureLog({ directory, metrics });
    for (let n = 0; n < 200; n += 1)
      await log.record({ userId: "u" + n, channel: "sms", notificationId: "n" + n, at: n });
    const files = readdirSync(directory).length;
    await log.close();
    process.stdout.write(JSON.stringify({ files, text: await metrics.metrics() }));`;
  // No file of this process may grow beyond nothing: open(2) succeeds and write(2) fails.
  const { stdout } = await promisify(execFile)(
    "sh",
    ["-c", 'ulimit -f 0; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { cwd: fileURLToPath(new URL("../../..", import.meta.url)) },
  );
  const { files, text } = JSON.parse(stdout) as { files: number; text: string };
  expect(text).toMatch(/redisops_preference_exposures_dropped_total\{.*\} 200\n/);
  expect(files).toBeLessThanOrEqual(1);
  expect(await readdir(directory)).toEqual([]);
});

test("ids that Postgres could not put into its index are dropped and counted", async () => {
  const log = openLog();
  await log.record({ ...exposure(1), userId: "u".repeat(1_900) });
  await log.record({ ...exposure(2), userId: "ü".repeat(1_000) });
  expect(await written()).toHaveLength(1);
  expect(await counted("exposures_dropped_total")).toBe(1);
});

test("a disk that hangs does not hold the end of the process up", async () => {
  const log = openLog();
  await log.record(exposure(1));
  const fifo = join(parent, "fifo");
  execFileSync("mkfifo", [fifo]);
  // Each waits for somebody who writes, and takes a thread for it, until no file of this process can be reached.
  const readers = Array.from({ length: 64 }, () => open(fifo, "r"));
  const late = log.record(exposure(2));
  await late;
  await log.close();
  const writer = openSync(fifo, "w");
  for (const reader of await Promise.all(readers)) await reader.close();
  closeSync(writer);
  await waitUntil(async () => (await written()).length === 2, {
    what: "the line to be written after all",
    deadlineMs: 30_000,
  });
});

test("a new file is begun after so many bytes, and finished ones can be moved", async () => {
  const log = openLog({ segmentBytes: 500 });
  for (let n = 0; n < 30; n += 1) await log.record(exposure(n));
  const finished = await log.finished();
  const all = await readdir(directory);
  expect(all.length).toBeGreaterThan(3);
  expect(finished).toHaveLength(all.length - 1);
  for (const path of finished) await log.remove(path);
  expect(await readdir(directory)).toHaveLength(1);
  await log.close();
  expect(await log.finished()).toHaveLength(1);
});

test("a file of another process is left alone until that process would have begun a new one", async () => {
  const other = openLog({ segmentAgeMs: 60_000 });
  await other.record(exposure(1));
  expect(await openLog({ segmentAgeMs: 60_000 }).finished()).toEqual([]);
  expect(await openLog({ segmentAgeMs: -1_000 }).finished()).toHaveLength(1);
});

test("a folder that cannot be made is an error at once", async () => {
  await writeFile(join(parent, "file"), "");
  expect(() => openLog({ directory: join(parent, "file", "folder") })).toThrow(
    expect.objectContaining({ code: "EXPOSURES_UNAVAILABLE" }),
  );
});

test("what may fill a part of the folder leaves the rest to what may fill all of it", async () => {
  const log = openLog({ maxBytes: 10_000 });
  for (let n = 0; n < 500; n += 1) await log.record(exposure(n), 0.5);
  const half = await counted("exposures_total");
  expect(half).toBeGreaterThan(10);
  expect(await counted("exposures_dropped_total")).toBe(500 - half);
  await log.record(exposure(500));
  expect(await counted("exposures_total")).toBe(half + 1);
});
