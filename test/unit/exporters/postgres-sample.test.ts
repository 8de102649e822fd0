import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { postgresSection } from "../../../core/config/postgres-section.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { PostgresSample, SampleMemory } from "../../../exporters/postgres-sample.ts";

const postgres = postgresSection.parse({ address: "127.0.0.1:1", database: "d", user: "u" });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A sample whose draws are counted and answered by hand. */
function sampleOf(memory: SampleMemory<string>, from: object = { table: "t" }) {
  const draws: PromiseWithResolvers<readonly string[]>[] = [];
  const sample = new PostgresSample(
    {
      postgres,
      from,
      draw: () => {
        const draw = Promise.withResolvers<readonly string[]>();
        draws.push(draw);
        return draw.promise;
      },
    },
    memory,
  );
  return { sample, draws };
}

test("those who ask at the same time share one draw", async () => {
  const { sample, draws } = sampleOf(new SampleMemory());
  const asked = Array.from({ length: 20 }, () => sample.current(10_000));
  expect(draws.length).toBe(1);
  draws[0]?.resolve(["a", "b"]);
  expect(new Set(await Promise.all(asked))).toEqual(new Set([["a", "b"]]));
  await sample.current(10_000);
  expect(draws.length).toBe(1);
});

test("it is drawn anew after a while, and the last one serves while that fails", async () => {
  const { sample, draws } = sampleOf(new SampleMemory());
  const first = sample.current(10_000);
  draws[0]?.resolve(["a"]);
  expect(await first).toEqual(["a"]);
  vi.setSystemTime(Date.now() + 31_000);
  const failing = sample.current(10_000);
  draws[1]?.reject(new RedisopsError("POSTGRES_REFUSED", "gone"));
  expect(await failing).toEqual(["a"]);
  const again = sample.current(10_000);
  draws[2]?.resolve(["b"]);
  expect(await again).toEqual(["b"]);
});

test("it survives a reload, unless the reload changed what it is drawn from", async () => {
  const memory = new SampleMemory<string>();
  const before = sampleOf(memory);
  const first = before.sample.current(10_000);
  before.draws[0]?.resolve(["a"]);
  await first;
  const same = sampleOf(memory);
  expect(await same.sample.current(10_000)).toEqual(["a"]);
  expect(same.draws.length).toBe(0);
  const other = sampleOf(memory, { table: "another" });
  const drawn = other.sample.current(10_000);
  expect(other.draws.length).toBe(1);
  other.draws[0]?.reject(new RedisopsError("POSTGRES_REFUSED", "gone"));
  await expect(drawn).rejects.toThrow("gone");
});

test("one who cannot wait as long as the draw takes hears of it", async () => {
  const { sample, draws } = sampleOf(new SampleMemory());
  const patient = sample.current(60_000);
  await expect(sample.current(1)).rejects.toMatchObject({ code: "POSTGRES_TIMEOUT" });
  draws[0]?.resolve(["a"]);
  expect(await patient).toEqual(["a"]);
  expect(draws.length).toBe(1);
});
