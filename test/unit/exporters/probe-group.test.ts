import { describe, expect, it } from "vitest";
import { RedisopsError } from "../../../core/errors.ts";
import { type Sample, sample } from "../../../core/samples.ts";
import type { Probe, ProbeName } from "../../../exporters/probe.ts";
import { ProbeGroup } from "../../../exporters/probe-group.ts";

const labels = { probe: "redis", role: "registry", target: "registry" };
const observed = sample("redisops_role_up", { role: "registry" }, 1);
const generous = 60_000;

function probe(run: Probe["run"], more: Partial<Probe> = {}): Probe {
  return {
    ...{ name: "redis", role: "registry", group: "registry", target: "registry" },
    ...{ address: "registry Redis at nowhere:1", run, ...more },
  };
}

const group = (probes: readonly Probe[], timeout = generous) =>
  new ProbeGroup("registry", probes, {}, new Map(), timeout);

/** Runs one probe by itself. */
async function runAlone(own: Probe, deadline = generous) {
  const [result] = await group([own]).run(deadline);
  if (result === undefined) throw new Error("no result");
  return result;
}

const value = (samples: readonly Sample[], metric: string) =>
  samples.find((one) => one.metric === metric)?.value;

/** A probe that goes on when it is told to. */
function waiting(name: ProbeName = "redis") {
  let begun = 0;
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const own = probe(
    async (emit) => {
      begun += 1;
      emit(observed);
      await gate;
    },
    { name },
  );
  return { own, go: () => go(), begun: () => begun };
}

describe("a probe", () => {
  it("adds success and duration to what was observed", async () => {
    const { samples, error, seconds } = await runAlone(probe(async (emit) => emit(observed)));
    expect(error).toBeUndefined();
    expect(samples).toEqual([
      observed,
      { metric: "redisops_probe_success", labels, value: 1 },
      { metric: "redisops_probe_duration_seconds", labels, value: seconds },
    ]);
  });

  it("keeps what was observed before a failure, and the failure", async () => {
    const failure = new RedisopsError("REDIS_REFUSED", "refused");
    const { samples, error } = await runAlone(
      probe(async (emit) => {
        emit(observed);
        throw failure;
      }),
    );
    expect(error).toBe(failure);
    expect(samples).toContainEqual(observed);
    expect(value(samples, "redisops_probe_success")).toBe(0);
  });

  it("turns an unforeseen failure into one for the reader", async () => {
    const { error } = await runAlone(probe(() => Promise.reject(new TypeError("x is not a function"))));
    expect(error).toMatchObject({ code: "INTERNAL", message: "x is not a function" });
  });

  it("sums up what was emitted, and how it ended, also when it was cut off", async () => {
    const summed: unknown[] = [];
    const conclude: Probe["conclude"] = (error, emitted) => {
      summed.push([error?.code, emitted.length]);
      return [observed];
    };
    const whole = await runAlone(probe(async (emit) => emit(observed), { conclude }));
    expect(value(whole.samples, "redisops_role_up")).toBe(1);
    const { own, go } = waiting();
    const { samples, error } = await runAlone({ ...own, conclude }, 1);
    expect(error?.code).toBe("PROBE_TIMEOUT");
    expect(error?.message).toContain("registry Redis at nowhere:1");
    expect(samples.filter(({ metric }) => metric === "redisops_role_up")).toHaveLength(2);
    expect(summed).toEqual([
      [undefined, 1],
      ["PROBE_TIMEOUT", 1],
    ]);
    go();
  });

  it("is told what is left of its time, never less than a millisecond", async () => {
    const left: number[] = [];
    const own = probe(async (_emit, scrape) => void left.push(scrape.left()));
    await group([own], 1_000).run(generous);
    await group([own], 0).run(generous);
    expect(left[0]).toBeGreaterThan(1);
    expect(left[0]).toBeLessThanOrEqual(900);
    expect(left[1]).toBe(1);
  });

  it("says what it did, with times", async () => {
    const { trace } = await runAlone(probe(async (_emit, scrape) => scrape.trace("looked")));
    expect(trace).toEqual([expect.stringMatching(/^\d+\.\d{4} s: looked$/)]);
  });
});

describe("a group of probes", () => {
  it("runs once for all that ask at the same time, and again for who asks later", async () => {
    const { own, go, begun } = waiting();
    const probes = group([own]);
    const both = [probes.run(generous), probes.run(generous)];
    expect(begun()).toBe(1);
    go();
    for (const [result] of await Promise.all(both)) expect(result?.error).toBeUndefined();
    await probes.run(generous);
    expect(begun()).toBe(2);
  });

  it("answers each at its own deadline, with what there is by then", async () => {
    const { own, go } = waiting();
    const probes = group([own]);
    const patient = probes.run(generous);
    const [hasty] = await probes.run(1);
    expect(hasty?.error?.code).toBe("PROBE_TIMEOUT");
    expect(hasty?.samples).toContainEqual(observed);
    go();
    const [result] = await patient;
    expect(result?.error).toBeUndefined();
    expect(result?.samples.filter(({ metric }) => metric === "redisops_role_up")).toHaveLength(1);
  });

  it("begins anew after a run that never ended was given up", async () => {
    const { own, begun } = waiting();
    const probes = group([own], 1);
    const [result] = await probes.run(generous);
    expect(result?.error?.code).toBe("PROBE_TIMEOUT");
    await new Promise(setImmediate);
    await probes.run(generous);
    expect(begun()).toBe(2);
  });

  it("runs the probes of one kind alone when asked to", async () => {
    const redis = waiting("redis");
    const bloom = waiting("bloom");
    redis.go();
    const [result, ...others] = await group([redis.own, bloom.own]).run(generous, "redis");
    expect(result?.probe.name).toBe("redis");
    expect(others).toEqual([]);
    expect(bloom.begun()).toBe(0);
  });
});
