import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { printStatus, type ShownRow } from "../../../cli/status-table.ts";
import { written } from "./output.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const place = "(primary dedup of Sentinels sentinel-1.internal:26379, sentinel-2.internal:26379)";

const row = (change: Partial<ShownRow>): ShownRow => ({
  role: "dedup",
  target: "10.0.0.1:6379",
  state: "ok",
  modes: [],
  observed: [],
  errors: [],
  ...change,
});

const held = (id: string, change: Partial<ShownRow["modes"][number]> = {}): ShownRow["modes"][number] => ({
  id,
  title: `Title of ${id}`,
  since: undefined,
  command: "redisops recover bloom",
  instead: undefined,
  runbook: `https://runbooks.example/${id}.md`,
  ...change,
});

const shown = async (rows: readonly ShownRow[], flags = "") =>
  (await written(() => printStatus(rows, now, flags))).stdout;

test("a long target is cut in the table and whole below it", async () => {
  const [, line = "", , paragraph] = (await shown([row({ target: place, observed: ["a fact"] })])).split(
    "\n",
  );
  expect(line).toBe(`dedup  ${place.slice(0, 27)}…  ok     -     -      -`);
  expect(paragraph).toBe(`dedup  ${place}`);
});

test("several modes take a line each, and only the first names the role", async () => {
  const modes_ = [held("BloomCold", { since: "2026-01-01T11:57:00Z" }), held("BloomSaturated")];
  const lines = (await shown([row({ state: "degraded", modes: modes_ })])).split("\n");
  expect(lines.slice(1, 3)).toEqual([
    "dedup  10.0.0.1:6379  degraded  BloomCold       3 min 0 s  redisops recover bloom",
    "                                BloomSaturated  -          redisops recover bloom",
  ]);
});

test("below the table stand the facts, each mode with what to do, and the errors", async () => {
  const text = await shown(
    [
      row({
        state: "refused",
        observed: ["answers in 4.2 ms", "known-sent ids absent 0.0 % of 200"],
        modes: [held("BloomCold"), held("DedupSkipped", { command: undefined, instead: "Start it." })],
        errors: [{ code: "REDIS_REFUSED", message: "it refused", next: "Look at it." }],
      }),
    ],
    " --config other.yaml",
  );
  expect(text.split("\n").slice(4)).toEqual([
    "dedup  10.0.0.1:6379",
    "  answers in 4.2 ms; known-sent ids absent 0.0 % of 200",
    "  BloomCold: Title of BloomCold",
    "    run: redisops recover bloom --config other.yaml",
    "    runbook: https://runbooks.example/BloomCold.md",
    "  DedupSkipped: Title of DedupSkipped",
    "    do: Start it.",
    "    runbook: https://runbooks.example/DedupSkipped.md",
    "  REDIS_REFUSED: it refused",
    "    next: Look at it.",
    "",
  ]);
});

test("commands in a sentence are not broken, and no line is wider than 104 columns", async () => {
  for (const { id, remedy } of modes) {
    if (remedy.kind !== "none") continue;
    const text = await shown([row({ modes: [held(id, { command: undefined, instead: remedy.instead })] })]);
    for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(104);
    const flowing = text.replace(/\n +/g, " ");
    expect(flowing).toContain(`do: ${remedy.instead}`);
    for (const command of remedy.instead.match(/redisops recover [a-z-]+/g) ?? [])
      expect(text).toContain(command);
  }
});

test.each(modes)("a table with $id fits 120 columns", async (mode) => {
  const command = mode.remedy.kind === "command" ? mode.remedy.command : undefined;
  const role = mode.role === "any" ? "token_bucket" : mode.role;
  const longest = held(mode.id, { since: "2026-01-01T01:00:00Z", command });
  const text = await shown([row({ role, target: place, state: "refused", modes: [longest] })]);
  const table = (text.split("\n\n")[0] ?? "").split("\n");
  expect(table).toHaveLength(2);
  for (const line of table) expect(line.length, line).toBeLessThanOrEqual(120);
});
