import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderRules } from "../../../alerts/rules.ts";
import { modes } from "../../../catalog/modes.ts";
import { parseDuration } from "../../../core/duration.ts";
import { drillCondition } from "../../../lab/drills/condition.ts";
import { drillRules } from "../../../lab/drills/drill-rules.ts";
import { drillThresholds } from "../../../lab/drills/drill-thresholds.ts";
import { faultOf } from "../../../lab/drills/fault-words.ts";
import { laneOf } from "../../../lab/drills/schedule.ts";
import { drillName, drillsOf } from "../../../operations/drills/drill.ts";
import { inLanes, inSeededOrder } from "../../../operations/drills/schedule.ts";

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
  await inLanes(drills, laneOf, async (drill) => {
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

test("the order of drills is the same for the same seed, and another one for another", () => {
  const order = (seed: number) => inSeededOrder(drills, seed).map(drillName);
  expect(order(7)).toEqual(order(7));
  expect(order(7)).not.toEqual(order(8));
  expect(order(7).toSorted()).toEqual(drills.map(drillName).toSorted());
});

test("a drill shortens times and nothing else", () => {
  for (const each of modes) {
    const shortened = drillThresholds(each);
    for (const [name, { value, unit }] of Object.entries(each.thresholds)) {
      const traffic = each.signal.kind === "burn-rate" && name === each.signal.minRate;
      if (unit !== "duration" && !traffic) expect(shortened[name], `${each.id}.${name}`).toBe(value);
    }
  }
  const wait = (id: string) => parseDuration(String(drillThresholds(mode(id)).for));
  expect(wait("RedisFailover")).toBe(0);
  expect(wait("RegistryDown")).toBe(2_000);
  expect(wait("RedisErrorRateHigh")).toBeGreaterThan(wait("RegistryDown"));
  expect(drillThresholds(mode("ProviderThrottled")).window).toBe("20s");
  expect(drillCondition(mode("PostgresDown"))).toContain('redisops_role_up{role="postgres"}');
  expect(drillCondition(mode("DegradedDecisionsBudgetBurn"))).toContain("[20s]");
});

test("the events of a page are rated over seconds in a drill, and alerts and boards read the same series", () => {
  const options = {
    platform: undefined,
    thresholds: {},
    runbookBaseUrl: "https://runbooks.test",
    dashboardBaseUrl: "https://boards.test",
    providers: [],
  };
  const text = renderRules(options);
  const changed = drillRules(text);
  const lines = (rules: string) =>
    (parse(rules) as { groups: { rules: Record<string, unknown>[] }[] }).groups.flatMap(
      ({ rules: own }) => own,
    );
  const before = lines(text);
  const after = lines(changed);
  expect(after.map(({ expr: _, ...rule }) => rule)).toEqual(before.map(({ expr: _, ...rule }) => rule));
  const windows = after.flatMap((rule, index) =>
    rule.expr === before[index]?.expr ? [] : [(rule.labels as { window: string }).window],
  );
  expect([...new Set(windows)].toSorted()).toEqual(["1h", "30m", "5m", "6h"]);
  expect(after.filter(({ alert }) => alert !== undefined)).toEqual(
    before.filter(({ alert }) => alert !== undefined),
  );
  expect(changed).not.toContain("[1h]");
});
