import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { signalPromql } from "../../../core/signal/promql.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { renderRunbookIndex } from "../../../runbooks/index.ts";
import { renderRunbook } from "../../../runbooks/render.ts";
import { sectionsOf } from "../docs/headings.ts";

const order = [
  "What it means",
  "What users feel",
  "How it is contained",
  "Decide",
  "Recover",
  "Verify",
  "Roll back",
  "When it fails",
  "Do not",
  "Prevent",
  "Facts",
];

test.each(modes)("$id has every section, in order, and none is empty", (mode) => {
  const [first, ...sections] = sectionsOf(renderRunbook(mode));
  expect(first?.title).toBe(`${mode.id}: ${mode.title}`);
  expect(sections.map(({ title }) => title)).toEqual(order);
  for (const { title, body } of sections) expect(body.length, title).toBeGreaterThan(4);
});

test.each(modes)("$id begins with severity, role and the command or why there is none", (mode) => {
  const body = sectionsOf(renderRunbook(mode))[0]?.body ?? "";
  expect(body).toContain(mode.severity);
  expect(body).toContain(`\`${mode.role}\``);
  if (mode.remedy.kind === "command") {
    expect(body).toMatch(new RegExp(`\`\`\`sh\n${mode.remedy.command} .*\n${mode.remedy.command} --execute`));
  } else {
    expect(body).toMatch(/No command, because:\*\* \S/);
    expect(body).toMatch(/Instead:\*\* \S/);
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
  expect(sections.get("Facts")).toContain(signalPromql(mode.signal, effectiveThresholds(mode)));
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
  const page = renderRunbook(
    mode,
    effectiveThresholds(mode, { BloomCold: { absent_ratio: 0.2, for: "5s" } }),
  );
  expect(page).toContain('redisops_bloom_canary_absent_ratio{role="dedup"}) > 0.2');
  expect(page).toContain("recovered when it is 0.2 or less");
  expect(page).toContain("**5s** (how long it must hold; the default is 1m)");
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
