import { describe, expect, test } from "vitest";
import { oncallSection } from "../../../core/config/oncall-section.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { type Found, mayCarryOut, mayPlan } from "../../../operations/oncall/may-execute.ts";

const config = oncallSection.parse({ execute: ["bloom"] });
const now = Date.parse("2026-11-21T12:00:00Z");
const ago = (minutes: number) => new Date(now - minutes * 60_000).toISOString();
const run = (recovery: string, minutes: number, state: "running" | "succeeded" | "failed" = "succeeded") => ({
  run: `${recovery}-20260101T000000Z-abcdef`,
  recovery,
  state,
  startedAt: ago(minutes),
});

const good: Found = {
  recovery: "bloom",
  firing: true,
  muted: false,
  live: { holds: true },
  servers: [
    { role: "dedup", target: "127.0.0.1:6379", state: "degraded" },
    { role: "postgres", target: "127.0.0.1:5432", state: "ok" },
  ],
  runs: [run("bloom", 31), run("registry", 59)],
  now,
};

test("what everything speaks for may be carried out", () => {
  expect(mayPlan(config, good)).toEqual({ may: true });
});

describe("one thing against it is enough", () => {
  const away = (role: "dedup" | "postgres", state: string) => ({
    servers: [...good.servers.filter((each) => each.role !== role), { role, target: "there:1", state }],
  });
  test.each<[string, Partial<Found>, string, RegExp]>([
    [
      "another recovery than redisops.yaml names",
      { recovery: "registry" },
      "refused",
      /does not name registry/,
    ],
    ["Prometheus does not say", { firing: undefined }, "waiting", /does not say/],
    ["the alert is over", { firing: false }, "over", /does not fire/],
    ["somebody silenced it", { muted: true }, "waiting", /silenced/],
    ["the mode is not known to hold", { live: { holds: null } }, "waiting", /not known/],
    ["the mode does not hold", { live: { holds: false } }, "over", /does not hold/],
    ["no server is described", { servers: [] }, "refused", /does not describe/],
    ["its Redis refuses", away("dedup", "refused"), "waiting", /dedup at there:1 is not back: refused/],
    ["its Redis hangs", away("dedup", "timeout"), "waiting", /not back: timeout/],
    ["a probe of it fails", away("dedup", "error"), "waiting", /not back: error/],
    ["Postgres is away", away("postgres", "refused"), "waiting", /postgres at there:1/],
    ["runs cannot be listed", { runs: undefined }, "waiting", /cannot be listed/],
    ["somebody is at it", { runs: [run("bloom", 50, "running")] }, "waiting", /is under way/],
    ["one began lately", { runs: [run("bloom", 29)] }, "waiting", /began 29 min 0 s ago \(succeeded\)/],
    ["one failed lately", { runs: [run("bloom", 1, "failed")] }, "waiting", /\(failed\)/],
    [
      "many began within the hour",
      { runs: [run("registry", 1), run("pending", 2), run("sequence", 3)] },
      "waiting",
      /3 recoveries began within the last hour/,
    ],
  ])("%s", (_, found, outcome, because) => {
    expect(mayPlan(config, { ...good, ...found })).toEqual({
      may: false,
      outcome,
      because: expect.stringMatching(because),
    });
  });

  test("nothing is carried out by a configuration that names nothing", () => {
    expect(mayPlan(oncallSection.parse({}), good)).toMatchObject({ may: false, outcome: "refused" });
  });
});

describe("a plan", () => {
  const plan = { hasChanges: true };
  test("that is harmless is carried out, one that is refused, empty or severe is not", () => {
    expect(mayCarryOut(config, "bloom", plan)).toEqual({ may: true });
    expect(mayCarryOut(config, "bloom", { hasChanges: false })).toMatchObject({ outcome: "over" });
    expect(
      mayCarryOut(config, "bloom", { ...plan, refusal: new RedisopsError("MEMORY_SHORT", "too little") }),
    ).toMatchObject({ may: false, outcome: "waiting", because: "MEMORY_SHORT: too little" });
    expect(mayCarryOut(config, "bloom", { ...plan, severe: "It stops sending." })).toMatchObject({
      may: false,
      outcome: "refused",
      because: expect.stringContaining("It stops sending."),
    });
  });

  test("that is severe is carried out where redisops.yaml says so", () => {
    const bold = oncallSection.parse({ execute: ["bloom"], execute_severe: ["bloom"] });
    expect(mayCarryOut(bold, "bloom", { ...plan, severe: "It stops sending." })).toEqual({ may: true });
  });
});
