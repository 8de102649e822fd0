import { expect, test } from "vitest";
import { metrics } from "../../../catalog/metrics.ts";
import { modes } from "../../../catalog/modes.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { conditionsOf } from "../../../runbooks/conditions.ts";
import { renderRunbookIndex } from "../../../runbooks/index.ts";
import { renderRunbook } from "../../../runbooks/render.ts";
import { drillDigest, pageCommands } from "../../../runbooks/verified.ts";
import { sectionsOf } from "../docs/headings.ts";

/** In this order; a mode that has nothing to do with a topology has no section about it. */
const order = [
  "What it means",
  "What users feel",
  "How it is contained",
  "Decide",
  "By topology",
  "Recover",
  "Verify",
  "Roll back",
  "When it fails",
  "Do not",
  "Prevent",
  "Rehearse",
  "Facts",
];

test.each(modes)("$id has every section, in order, and none is empty", (mode) => {
  const [first, ...sections] = sectionsOf(renderRunbook(mode));
  expect(first?.title).toBe(`${mode.id}: ${mode.title}`);
  const expected = order.filter(
    (title) => title !== "By topology" || Object.keys(mode.topologies).length > 0,
  );
  expect(sections.map(({ title }) => title)).toEqual(expected);
  for (const { title, body } of sections) expect(body.length, title).toBeGreaterThan(4);
});

test.each(modes)("$id begins with severity, role and the command or why there is none", (mode) => {
  const body = sectionsOf(renderRunbook(mode))[0]?.body ?? "";
  expect(body).toContain(mode.severity);
  expect(body).toContain(mode.role === "any" ? "the one that the alert names" : `\`${mode.role}\``);
  if (mode.remedy.kind === "command") {
    expect(body).toMatch(new RegExp(`\`\`\`sh\n${mode.remedy.command} .*\n${mode.remedy.command} --execute`));
  } else {
    expect(body).toMatch(/No command, because:\*\* \S/);
    expect(body).toMatch(/Instead:\*\*\s+\S/);
  }
});

test.each(modes)(
  "$id has a numbered step for each diagnosis, with its command and all its branches",
  (mode) => {
    const body = sectionsOf(renderRunbook(mode)).find(({ title }) => title === "Decide")?.body ?? "";
    expect(body.match(/^\d+\. /gm)).toEqual(mode.diagnosis.map((_, index) => `${index + 1}. `));
    for (const step of mode.diagnosis) expect(body).toContain(`   \`\`\`sh\n   ${step.command}\n   \`\`\``);
    const branches = mode.diagnosis.flatMap((step) => step.branches);
    expect(body.match(/^ {3}- \*\*.+\*\*: \S/gm)).toHaveLength(branches.length);
  },
);

test.each(modes)("$id gives PromQL to verify with and to see why it fired", (mode) => {
  const sections = new Map(sectionsOf(renderRunbook(mode)).map(({ title, body }) => [title, body]));
  expect(sections.get("Verify")).toMatch(/```promql\n\S/);
  const conditions = conditionsOf(mode, effectiveThresholds(mode));
  expect(conditions.map(({ severity }) => severity)).toEqual(
    mode.signal.kind === "burn-rate" ? ["page", "ticket"] : [mode.severity],
  );
  for (const { promql } of conditions) expect(sections.get("Facts")).toContain(promql);
});

test.each(modes)(
  "$id tells each threshold with its value, its reason and the key that overrides it",
  (mode) => {
    const facts = sectionsOf(renderRunbook(mode)).find(({ title }) => title === "Facts")?.body ?? "";
    for (const [name, { value }] of Object.entries(mode.thresholds)) {
      expect(facts).toMatch(
        new RegExp(`- \`thresholds\\.${mode.id}\\.${name}\`: \\*\\*${value}\\*\\* \\(.+\\)\\. \\S`),
      );
    }
  },
);

test("overridden thresholds show in the condition, in the verification and beside their default", () => {
  const mode = modes.find(({ id }) => id === "BloomCold");
  if (mode === undefined) throw new Error("BloomCold is gone");
  const page = renderRunbook(mode, {
    thresholds: effectiveThresholds(mode, { BloomCold: { absent_ratio: 0.2, for: "5s" } }),
  });
  expect(page).toContain('redisops_bloom_canary_absent_ratio{role="dedup"}) > 0.2');
  expect(page).toContain("recovered when it is 0.2 or less");
  expect(page).toContain("**5s** (how long it must hold; the default is 1m)");
});

const rendered = (id: string) =>
  modes
    .filter((mode) => mode.id === id)
    .map((mode) => renderRunbook(mode))
    .join("");

test("every page lists a test in which its alert fires", () => {
  for (const { id, nature } of modes)
    if (nature !== "heartbeat") expect(rendered(id), id).toMatch(/^- fires: \S/m);
});

test("a number that is as large in good times is not given to verify with, nor is one that is not alone called the one", () => {
  expect(rendered("RedisShardDown")).not.toContain("has recovered when");
  expect(rendered("PostgresPoolExhausted")).toContain("it is one of the numbers that fire the alert");
  expect(rendered("PreferencesStale")).toContain(
    "it is the number that fired the alert, and has recovered when it is 0:",
  );
});

test("no page gives a histogram’s bare name to paste, which has no series", () => {
  const histograms = Object.entries(metrics).flatMap(([name, { type }]) =>
    type === "histogram" ? [name] : [],
  );
  expect(histograms).not.toEqual([]);
  for (const { id } of modes)
    for (const name of histograms) expect(rendered(id), id).not.toMatch(new RegExp(`^${name}$`, "m"));
});

test("steps are a list of their own", () => {
  expect(rendered("SequenceFallback")).toMatch(/\*\*Instead:\*\*\n\n1\. .+\n2\. .+\n3\. /);
  expect(rendered("SequenceFallback")).toMatch(/## Recover\n\n1\. .+\n2\. /);
});

test("silencing is told on both pages", () => {
  const page = (id: string) =>
    modes
      .filter((mode) => mode.id === id)
      .map((mode) => renderRunbook(mode))
      .join("");
  for (const mode of modes) {
    for (const silenced of mode.inhibits) {
      expect(page(mode.id)).toMatch(new RegExp(`silences .*\\[${silenced}\\]`));
      expect(page(silenced)).toMatch(new RegExp(`silenced while .*\\[${mode.id}\\]`));
    }
  }
});

test("the index has a row for each mode, with its role and its command", () => {
  const index = renderRunbookIndex(modes);
  const rows = index.split("\n").filter((line) => line.startsWith("| ["));
  expect(rows).toHaveLength(modes.length);
  for (const [position, mode] of modes.entries()) {
    expect(rows[position]).toContain(`[${mode.id}](${mode.id}.md)`);
    expect(rows[position]).toContain(
      mode.remedy.kind === "command" ? `\`${mode.remedy.command}\`` : "none: ",
    );
  }
});

test.each(modes)("$id shows how it is rehearsed, and what its commands print", (mode) => {
  const sections = new Map(sectionsOf(renderRunbook(mode)).map(({ title, body }) => [title, body]));
  for (const { part, command, shows } of pageCommands(mode)) {
    const section = { rehearse: "Rehearse", decide: "Decide", plan: "Recover", execute: "Recover" }[part];
    const body = sections.get(section) ?? "";
    expect(body).toContain(command);
    for (const line of shows) expect(body).toContain(line);
  }
  const rehearse = sections.get("Rehearse") ?? "";
  if (mode.drill.kind === "none") expect(rehearse).toMatch(/^The lab cannot bring it about\. \S/);
  else expect(rehearse).toContain("redisops lab inject heal");
});

test("a page tells whether it was verified, on what, and that it was changed since", () => {
  const [mode] = modes.filter(({ id }) => id === "BloomCold");
  if (mode === undefined) throw new Error("BloomCold is gone");
  const versions = {
    redisops: "1.2.3",
    redis: "7.0.15",
    postgres: "18.4",
    prometheus: "2.42.0",
    node: "24.21.0",
  };
  const verified = { commands: 5, digest: drillDigest(mode), versions };
  const first = (page: string) => sectionsOf(page)[0]?.body ?? "";
  expect(first(renderRunbook(mode, { verified }))).toContain(
    "**Verified:** 5 commands of this page were run on the lab in this state and printed what is shown here: redisops 1.2.3, Redis 7.0.15, Postgres 18.4, Prometheus 2.42.0, Node 24.21.0.",
  );
  const [step] = mode.diagnosis;
  if (step === undefined) throw new Error("BloomCold has no diagnosis");
  for (const change of [
    { diagnosis: [{ ...step, command: `${step.command} --json` }, ...mode.diagnosis.slice(1)] },
    { diagnosis: [{ ...step, shows: [...step.shows, "another line"] }, ...mode.diagnosis.slice(1)] },
    { drill: { kind: "lab" as const, inject: ["kill --role dedup"] } },
  ]) {
    expect(first(renderRunbook({ ...mode, ...change }, { verified }))).toContain(
      "**Not verified since it was changed:**",
    );
  }
  expect(first(renderRunbook({ ...mode, title: "Another title" }, { verified }))).toContain("**Verified:**");
  expect(first(renderRunbook(mode))).toContain("**Not verified:**");
});
