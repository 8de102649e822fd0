import { describe, expect, it } from "vitest";
import { RedisopsError } from "../../../core/errors.ts";
import { type Sample, sample } from "../../../core/samples.ts";
import { type Probe, runProbe } from "../../../exporters/probe.ts";

const labels = { probe: "redis", role: "registry", target: "registry" };
const observed = sample("redisops_role_up", { role: "registry" }, 1);
const generous = 60_000;

function probe(run: Probe["run"]): Probe {
  return { name: "redis", role: "registry", target: "registry", address: "registry Redis at nowhere:1", run };
}

const value = (samples: readonly Sample[], metric: string) =>
  samples.find((one) => one.metric === metric)?.value;

describe("running a probe", () => {
  it("adds success and duration to what was observed", async () => {
    const { samples, error, seconds } = await runProbe(
      probe(async (emit) => emit(observed)),
      generous,
    );
    expect(error).toBeUndefined();
    expect(samples).toEqual([
      observed,
      { metric: "redisops_probe_success", labels, value: 1 },
      { metric: "redisops_probe_duration_seconds", labels, value: seconds },
    ]);
  });

  it("keeps what was observed before a failure, and the failure", async () => {
    const failure = new RedisopsError("REDIS_REFUSED", "refused");
    const { samples, error } = await runProbe(
      probe(async (emit) => {
        emit(observed);
        throw failure;
      }),
      generous,
    );
    expect(error).toBe(failure);
    expect(samples).toContainEqual(observed);
    expect(value(samples, "redisops_probe_success")).toBe(0);
  });

  it("turns an unforeseen failure into one for the reader", async () => {
    const { error } = await runProbe(
      probe(() => Promise.reject(new TypeError("x is not a function"))),
      generous,
    );
    expect(error).toMatchObject({ code: "INTERNAL", message: "x is not a function" });
  });

  it("cuts a probe off at its deadline and ignores what it emits later", async () => {
    let late: (() => void) | undefined;
    const { samples, error } = await runProbe(
      probe(
        (emit) =>
          new Promise((resolve) => {
            emit(observed);
            late = () => {
              emit(observed);
              resolve();
            };
          }),
      ),
      1,
    );
    late?.();
    expect(error?.code).toBe("PROBE_TIMEOUT");
    expect(error?.message).toContain("registry Redis at nowhere:1");
    expect(samples.filter(({ metric }) => metric === "redisops_role_up")).toHaveLength(1);
  });

  it("tells the probe what is left of its deadline, never less than a millisecond", async () => {
    const left: number[] = [];
    await runProbe(
      probe(async (_emit, remaining) => {
        left.push(remaining());
      }),
      1000,
    );
    await runProbe(
      probe(async (_emit, remaining) => {
        left.push(remaining());
      }),
      0,
    );
    expect(left[0]).toBeGreaterThan(1);
    expect(left[0]).toBeLessThanOrEqual(900);
    expect(left[1]).toBe(1);
  });
});
