import { expect, test } from "vitest";
import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { committedFiles } from "../../cli/catalog/committed-files.ts";
import { type Column, type MatrixSources, matrixRow, withoutMode } from "../../cli/catalog/matrix.ts";
import { faults } from "../../lab/platform/faults.ts";
import { recoveryCommands } from "../../recovery/options.ts";
import { drillDigest, pageCommands, readVerified } from "../../runbooks/verified.ts";
import { changed, without } from "./doctored.ts";

const sources: MatrixSources = {
  files: committedFiles(),
  recoveries: Object.keys(recoveryCommands),
  faults: Object.keys(faults),
  verified: readVerified(),
};
/** The record as if every page had just been verified. */
const verified = Object.fromEntries(
  modes.map((mode) => [
    mode.id,
    {
      commands: pageCommands(mode).length,
      digest: drillDigest(mode),
      versions: { redisops: "1", redis: "7", postgres: "18", prometheus: "3", node: "24" },
    },
  ]),
);

const gapsOf = (catalog: readonly DegradationMode[], own: MatrixSources = sources) =>
  catalog.flatMap((mode) => matrixRow(mode, own).gaps.map(({ what }) => `${mode.id}: ${what}`));

test("no mode lacks anything", () => {
  expect(gapsOf(modes)).toEqual([]);
});

test("nothing is there that belongs to no mode", () => {
  expect(withoutMode(modes, sources)).toEqual([]);
});

function modeOf(id: string): DegradationMode {
  const mode = modes.find((each) => each.id === id);
  if (mode === undefined) throw new Error(`there is no mode ${id}`);
  return mode;
}
const cold = modeOf("BloomCold");
const ready = { ...sources, verified };

test.each<[Column, string, Partial<DegradationMode>]>([
  ["metrics", "reads no metric", { signal: { kind: "promql", value: "vector(0)", by: [], reason: "none" } }],
  [
    "metrics",
    "redisops_warmth is not in the metric contract",
    { signal: { kind: "promql", value: "redisops_warmth > 0", by: [], reason: "none" } },
  ],
  ["panels", "no panel shows it", { panels: [] }],
  ["panels", "the panel bloom-warmth is on no board", { panels: ["bloom-canaries", "bloom-warmth"] }],
  ["alertTests", "of at least 4 assertions", { scenarios: [] }],
  ["runbook", "no page in runbooks", { title: "Another title" }],
  [
    "recovery",
    "redisops recover warmth is no recovery",
    { remedy: { ...cold.remedy, command: "redisops recover warmth" } as typeof cold.remedy },
  ],
  ["drill", "neither a drill nor a reason", { drill: { kind: "lab", inject: [] } }],
  ["drill", "the lab has no fault melt", { drill: { kind: "lab", inject: ["melt --role dedup"] } }],
  ["verified", "changed after its commands were run", { diagnosis: cold.diagnosis.slice(1) }],
])("a gap is seen: %s, %s", (column, what, change) => {
  const [doctored] = changed("BloomCold", change).filter(({ id }) => id === "BloomCold");
  const before = matrixRow(cold, ready).gaps.map((gap) => gap.what);
  const fresh = matrixRow(doctored ?? cold, ready).gaps.filter((gap) => !before.includes(gap.what));
  expect(fresh).toContainEqual({ column, what: expect.stringContaining(what) });
});

test("a mode without alert, without page, or never verified is seen", () => {
  const empty = { ...sources.files, alerts: new Map(), pages: new Map() };
  const columns = matrixRow(cold, { ...sources, files: empty, verified: {} }).gaps.map(
    ({ column }) => column,
  );
  expect(columns).toEqual(expect.arrayContaining(["alert", "runbook", "verified"]));
});

test("what belongs to no mode is seen: alert, page, record, recovery, fault", () => {
  const before = withoutMode(modes, ready);
  const found = (catalog: readonly DegradationMode[], own: MatrixSources = ready) =>
    withoutMode(catalog, own).filter((each) => !before.includes(each));
  expect(found(without("BloomCold"))).toEqual(
    expect.arrayContaining([
      "the alert BloomCold belongs to no mode",
      "the page runbooks/BloomCold.md belongs to no mode",
      "runbooks/verified.json has BloomCold, which is no mode",
    ]),
  );
  expect(found(modes, { ...ready, recoveries: [...ready.recoveries, "warmth"] })).toEqual([
    "no mode’s remedy leads to redisops recover warmth",
  ]);
  expect(found(modes, { ...ready, faults: [...(ready.faults ?? []), "melt"] })).toEqual([
    "no mode’s drill uses the lab’s fault melt",
  ]);
});
