import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { printedError, run } from "./run.ts";

test("every mode has a drill on the lab; a staging platform says which are not for it, and why", async () => {
  const [text, json, staging] = await Promise.all([
    run(["drill", "list"]),
    run(["drill", "list", "--json"]),
    run(["drill", "list", "--target", "redisops.example.yaml", "--json"]),
  ]);
  expect([text.code, json.code, staging.code]).toEqual([0, 0, 0]);
  const named = text.stdout.split("\n").flatMap((line) => line.split(" ")[0] || []);
  expect(named.slice(1).toSorted()).toEqual(modes.map(({ id }) => id).toSorted());

  const { drills } = JSON.parse(json.stdout) as { drills: { drill: string; modes: string[] }[] };
  expect(drills.flatMap((drill) => drill.modes).toSorted()).toEqual(modes.map(({ id }) => id).toSorted());
  expect(drills).toContainEqual({
    drill: "restart-empty --role dedup",
    modes: ["BloomCold"],
    faults: ["restart-empty --role dedup"],
    limits: [],
  });

  const there = JSON.parse(staging.stdout) as {
    drills: { modes: string[] }[];
    refused: { mode: string; reason: string }[];
  };
  const listed = [...there.drills.flatMap((drill) => drill.modes), ...there.refused.map(({ mode }) => mode)];
  // Some modes are rehearsed on several roles there.
  expect([...new Set(listed)].toSorted()).toEqual(modes.map(({ id }) => id).toSorted());
});

test("what cannot be run is refused before anything is started", async () => {
  const refused = async (...words: string[]) => {
    const outcome = await run(["drill", "run", "--json", ...words]);
    const { code, message } = printedError(outcome);
    return [outcome.code, code, message];
  };
  expect(
    await Promise.all([
      refused(),
      refused("Nope"),
      refused("BloomCold", "--seed", "-1"),
      refused("RedisHung", "--target", "redisops.example.yaml"),
    ]),
  ).toEqual([
    [64, "USAGE", "Say one mode, or --all for every drill"],
    [64, "USAGE", "There is no mode Nope"],
    [64, "USAGE", "--seed takes a whole number from 0"],
    [4, "NOT_CONFIRMED", expect.stringContaining("A drill degrades the platform")],
  ]);
});
