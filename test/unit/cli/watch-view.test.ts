import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { type WatchState, watchLine, watchView } from "../../../cli/status/watch-view.ts";
import type { ShownRow } from "../../../cli/status-table.ts";

const at = Date.parse("2026-01-01T12:00:00Z");

const row = (change: Partial<ShownRow>): ShownRow => ({
  role: "registry",
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
  since: "2026-01-01T11:58:00.000Z",
  command: undefined,
  instead: undefined,
  runbook: `https://runbooks.example/${id}.md`,
  ...change,
});

const cold = row({
  role: "dedup",
  state: "degraded",
  modes: [
    held("BloomCold", { command: "redisops recover bloom" }),
    held("DedupSkipped", { instead: `Start the server ${"and wait ".repeat(30)}` }),
  ],
});

const state = (change: Partial<WatchState> = {}): WatchState => ({
  platform: "messenger",
  rows: [row({}), cold, row({ role: "token_bucket", target: "twilio/main" })],
  rates: new Map([
    ["registry", { decisions: 1204.4, degraded: 0, commands: 7 }],
    ["dedup", { decisions: 300, degraded: 0.125 }],
    ["token_bucket", { commands: 2.25 }],
  ]),
  underWay: ["recover bloom is under way, began 12 s ago"],
  warnings: [],
  at,
  looking: undefined,
  ...change,
});

const view = (own: WatchState, columns = 80, height = 24) =>
  watchView(own, " --config my.yaml", 2_000, { columns, height }).map((line) =>
    stripVTControlCharacters(line),
  );

test("shows modes, rates, what is under way and the next command", () => {
  expect(view(state())).toEqual([
    "messenger  12:00:00Z  every 2.0 s, q quits",
    "",
    "ROLE         STATE     MODE          SINCE      RATE     FALLBACK",
    "registry     ok        -             -          1,204/s  -",
    "dedup        degraded  BloomCold     2 min 0 s  300/s    12.5 %",
    "                       DedupSkipped  2 min 0 s",
    "twilio/main  ok        -             -          -        -",
    "",
    "Under way",
    "  recover bloom is under way, began 12 s ago",
    "",
    "Next",
    "  redisops recover bloom --config my.yaml",
    "  DedupSkipped: Start the server and wait and wait and wait and wait and wait",
    "    and wait and wait and wait and wait and wait and wait and wait and wait …",
  ]);
});

test.each([80, 120])("stays within %i columns, and loses the rates before the modes", (columns) => {
  const long = row({
    role: "token_bucket",
    target: `provider/${"account".repeat(6)}`,
    state: "unreachable",
    modes: [held("DegradedDecisionsBudgetBurn")],
    errors: [],
  });
  const lines = view(state({ rows: [long, cold], warnings: ["why ".repeat(50)] }), columns);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
  expect(lines[3]).toContain("DegradedDecisionsBudgetBurn");
});

test("fits a low terminal, and says what is missing", () => {
  const lines = view(state(), 80, 6);
  expect(lines).toHaveLength(6);
  expect(lines.at(-1)).toBe("… 10 more lines: redisops status has all");
});

test("tells a look that takes long", () => {
  expect(view(state({ looking: 3_000 }))[0]).toBe(
    "messenger  12:00:00Z  every 2.0 s, q quits  looking for 3.0 s",
  );
  expect(view(state({ looking: 300 }))[0]).toBe("messenger  12:00:00Z  every 2.0 s, q quits");
});

test("a line for a file has what is wrong first, and counts the rest", () => {
  expect(watchLine(state())).toBe(
    "2026-01-01T12:00:00.000Z  dedup degraded: BloomCold (redisops recover bloom), DedupSkipped; 2 ok; recover bloom is under way, began 12 s ago",
  );
});
