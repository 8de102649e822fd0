import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { drillCondition } from "../../../lab/drills/condition.ts";
import { drillName, drillsOf } from "../../../lab/drills/drill.ts";
import { drillThresholds } from "../../../lab/drills/drill-thresholds.ts";
import { faultOf } from "../../../lab/drills/fault-words.ts";
import { inLanes, laneOf } from "../../../lab/drills/schedule.ts";

const drills = drillsOf(modes);
const mode = (id: string) => {
  const found = modes.find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no mode ${id}`);
  return found;
};

test("modes of the same faults are drilled together, each once", () => {
  const drilled = drills.flatMap((drill) => drill.modes.map(({ id }) => id));
  const expected = modes.filter(({ drill }) => drill.kind === "lab").map(({ id }) => id);
  expect(drilled.toSorted()).toEqual(expected.toSorted());
  expect(new Set(drills.map(drillName)).size).toBe(drills.length);
});

test("every drill’s faults are faults of the lab", () => {
  for (const { inject } of drills) for (const words of inject) expect(() => faultOf(words)).not.toThrow();
});

test.each([
  ["kill", { fault: "kill" }],
  ["cut-shard --shard 3", { fault: "cut-shard", shard: 3 }],
  ["kill --role registry --for 30s", { fault: "kill", role: "registry", forMs: 30_000 }],
  [
    "provider-429 --provider twilio --account main",
    { fault: "provider-429", provider: "twilio", account: "main" },
  ],
])("%s is read", (words, request) => {
  expect(faultOf(words)).toEqual(request);
});

test.each(["explode", "kill registry", "kill --who registry", "cut-shard --role registry", ""])(
  "%j is no fault",
  (words) => {
    expect(() => faultOf(words)).toThrow(expect.objectContaining({ code: "USAGE" }));
  },
);

test("drills that reach several roles run alone, after the lanes; those of a lane follow one another", async () => {
  const lane = (...inject: string[]) => laneOf({ inject, modes: [] });
  expect(lane("kill --role registry")).toBe("registry");
  expect(lane("stick-counters")).toBe("counters");
  expect(lane("cut-shard --shard 2")).toBe("cluster");
  expect(lane("kill --role postgres")).toBe("alone");
  expect(lane("fill-postgres-pool")).toBe("alone");
  expect(lane("kill --role registry", "kill --role dedup")).toBe("alone");
  expect(lane("kill --role sentinel-0")).toBe("alone");

  const under = new Set<string>();
  const seen: string[] = [];
  await inLanes(drills, async (drill) => {
    const own = laneOf(drill);
    expect(under.has(own)).toBe(false);
    if (own === "alone") expect(under.size).toBe(0);
    under.add(own);
    await new Promise((resolve) => setImmediate(resolve));
    under.delete(own);
    seen.push(drillName(drill));
  });
  expect(seen.toSorted()).toEqual(drills.map(drillName).toSorted());
});

test("a drill shortens windows and nothing else", () => {
  for (const each of modes) {
    const shortened = drillThresholds(each);
    for (const [name, { value, unit }] of Object.entries(each.thresholds)) {
      if (unit !== "duration" || name === "for") expect(shortened[name], `${each.id}.${name}`).toBe(value);
    }
  }
  expect(drillThresholds(mode("ProviderThrottled")).window).toBe("20s");
  expect(drillCondition(mode("PostgresDown"))).toContain('redisops_role_up{role="postgres"}');
  expect(drillCondition(mode("DegradedDecisionsBudgetBurn"))).toContain("[20s]");
});
