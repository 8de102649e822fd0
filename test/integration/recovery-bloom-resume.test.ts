import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bitmapKeys, configuredLayout, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { bloom } from "../../recovery/bloom/bloom.ts";
import { executeBloom, workBloom } from "../../recovery/bloom/bloom-execute.ts";
import { bloomContext } from "../fixtures/bloom-run.ts";
import { long } from "../fixtures/long.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { startRedisBloom } from "../fixtures/redisbloom-server.ts";
import { RunMemory, releaseParts, type StoppableRun, stoppableRun } from "../fixtures/stoppable-run.ts";

const { key, error_rate } = smallFilter;
/** Of the moments at which a process can stop, every n-th is tried. */
const each = long ? 1 : 3;
/** `from`: where the way of the second one parts from that of the first, with some moments to spare. */
const engines = [
  { engine: "bitmap", method: "auto", live: "merged", capacity: 20_000, from: 1 },
  { engine: "bitmap", method: "auto", live: "of another shape", capacity: 50_000, from: 12 },
  ...(startRedisBloom === undefined
    ? []
    : ([
        { engine: "redisbloom", method: "load", live: "replaced", capacity: 20_000, from: 1 },
        { engine: "redisbloom", method: "madd", live: "replaced", capacity: 20_000, from: 1 },
      ] as const)),
] as const;

describe.each(engines)("a rebuild of $engine by $method, live filter $live", (given) => {
  const filter = { engine: given.engine } as const;
  let platform: RecoverPlatform;
  let dead: StoppableRun[] = [];

  beforeAll(async () => {
    platform = await startRecoverPlatform(given.engine === "bitmap" ? undefined : startRedisBloom);
  });
  afterEach(async () => {
    for (const run of dead) run.bury();
    dead = [];
    await platform.reset();
  });
  afterAll(() => platform?.close());

  /** A live filter that knows some ids and has learned others. */
  async function goLive(learned: readonly string[]): Promise<void> {
    if (given.engine === "redisbloom") {
      await platform.redis.call("BF.RESERVE", key, error_rate, given.capacity);
      await platform.filter(filter).add(learned);
      return;
    }
    const layout = configuredLayout({ ...smallFilter, capacity: given.capacity });
    await platform.redis.hset(bitmapKeys.meta(key), layoutToMeta(layout));
    await platform.filter({ capacity: given.capacity }).add(learned);
  }

  const begin = async (parts: number) => {
    const { context, warnings } = bloomContext(platform, { parts, method: given.method }, { filter });
    const plan = await bloom.plan(context);
    const execute = (run: StoppableRun) => executeBloom(context, plan, run.run);
    return { context, plan, execute, warnings };
  };

  async function expectWhole(ids: readonly string[]): Promise<void> {
    expect(await platform.lacking(ids, filter)).toEqual([]);
    const keys = Object.entries(await platform.keys());
    expect(keys.map(([name]) => name).filter((name) => name.includes("shadow"))).toEqual([]);
    expect(keys.filter(([, { expires }]) => expires)).toEqual([]);
  }

  it("ends the same wherever its process is killed", async () => {
    const ids = await platform.send(2_000);
    const learned = Array.from({ length: 100 }, (_, n) => `learned-${n}`);
    const kept = given.live === "merged" ? learned : [];
    const state = async () => {
      await platform.redis.flushall();
      await goLive(learned);
      return begin(3);
    };
    const { execute } = await state();
    const whole = stoppableRun(new RunMemory("whole"));
    await execute(whole);
    await expectWhole([...ids, ...kept]);
    const moments = whole.moments();
    expect(moments).toBeGreaterThan(15);

    for (let moment = given.from; moment <= moments; moment += each) {
      const { execute } = await state();
      const memory = new RunMemory(`killed-${moment}`);
      const first = stoppableRun(memory, moment);
      dead.push(first);
      const outcome = await Promise.race([execute(first), first.stopped]);
      expect(outcome).toBeUndefined();
      // Whatever it was at, every reader has a whole filter: the former one, or the new one.
      const lacking = await platform.lacking(ids, filter);
      if (lacking.length < ids.length * 0.9) expect(lacking).toEqual([]);
      releaseParts(memory);
      await execute(stoppableRun(memory));
      await expectWhole([...ids, ...kept]);
    }
  });

  it("keeps the parts that are finished, and begins anew where they are lost", async () => {
    const ids = await platform.send(3_000);
    const { execute, warnings } = await begin(4);
    const memory = new RunMemory("kept");
    const whole = stoppableRun(memory);
    // Two of the parts are finished when the process dies.
    const partly = { ...whole, run: { ...whole.run, chunks: { ...whole.run.chunks } } };
    let claimed = 0;
    const never = new Promise<never>(() => undefined);
    const reached = Promise.withResolvers<void>();
    partly.run.chunks.claim = async <Position>() => {
      claimed += 1;
      // Between the second and the third there is nothing to claim: what was read is brought to the server.
      if (claimed === 3) return undefined;
      if (claimed === 4) {
        reached.resolve();
        await never;
      }
      return whole.run.chunks.claim<Position>();
    };
    await Promise.race([execute(partly), reached.promise]);
    const finished = [...memory.parts.values()].filter((part) => part.finished).length;
    // One process that builds all alone finishes its parts only when the filter is loaded.
    expect(finished).toBe(2);
    releaseParts(memory);
    await platform.redis.flushall();
    await execute(stoppableRun(memory));
    expect(warnings).toContainEqual(expect.stringContaining("is built anew"));
    await expectWhole(ids);
  });

  it("is built by several processes", async () => {
    const ids = await platform.send(6_000);
    const { context, plan, execute } = await begin(8);
    const memory = new RunMemory("shared");
    const [first, second] = [stoppableRun(memory), stoppableRun(memory)];
    const took = new Map<StoppableRun, number>();
    for (const one of [first, second]) {
      const { claim } = one.run.chunks;
      one.run.chunks.claim = async <Position>() => {
        // Neither takes everything.
        if ((took.get(one) ?? 0) >= 4 && took.size < 2) return undefined;
        const chunk = await claim<Position>();
        if (chunk !== undefined) took.set(one, (took.get(one) ?? 0) + 1);
        return chunk;
      };
    }
    const executed = execute(first);
    while (memory.parts.size === 0) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([executed, workBloom(context, plan, second.run)]);
    expect(took.size).toBe(2);
    await expectWhole(ids);
    const { falsePositiveRatio, estimatedIds } = await platform.filter(filter).state();
    expect(falsePositiveRatio).toBeLessThan(0.001);
    expect(Math.abs(estimatedIds - ids.length)).toBeLessThan(ids.length * 0.03);
  });
});

it.skipIf(startRedisBloom === undefined)(
  "a rebuild on live RedisBloom is among those that are resumed",
  () => {
    expect(engines.map(({ method }) => method)).toEqual(["auto", "auto", "load", "madd"]);
  },
);
