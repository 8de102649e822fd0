import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { differences, writeFiles } from "../../../scripts/generate/generated-state.ts";
import { lineDiff } from "../../../scripts/generate/line-diff.ts";
import { generatedFiles } from "../../../scripts/generated-files.ts";

const files = [
  { path: "pages/one.md", content: () => "a\nb\nc\n" },
  { path: "pages/two.md", content: () => "d\n" },
];
const folders = [{ folder: "pages", ending: ".md" }];
let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "redisops-generated-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

test("what was just written differs in nothing", () => {
  writeFiles(root, files);
  expect(differences(root, files, folders)).toEqual([]);
});

test("a missing, a stale and an orphaned file are told apart", () => {
  mkdirSync(join(root, "pages"));
  writeFileSync(join(root, "pages/one.md"), "a\nB\nc\n");
  writeFileSync(join(root, "pages/three.md"), "e\n");
  writeFileSync(join(root, "pages/three.txt"), "not generated here\n");
  expect(differences(root, files, folders)).toEqual([
    { path: "pages/one.md", kind: "stale", diff: ["@@ line 2", "- B", "+ b"] },
    { path: "pages/two.md", kind: "missing", diff: [] },
    { path: "pages/three.md", kind: "orphan", diff: [] },
  ]);
});

test("a diff shows each place by itself and counts what it does not show", () => {
  const lines = Array.from({ length: 60 }, (_, index) => `line ${index}`);
  const changed = lines.map((line, index) => (index % 10 === 0 ? `${line}!` : line));
  const diff = lineDiff(lines.join("\n"), changed.join("\n"));
  expect(diff.slice(0, 3)).toEqual(["@@ line 1", "- line 0", "+ line 0!"]);
  expect(diff.at(-1)).toBe("@@ and 3 more places");
  expect(lineDiff("a\nb\nc", "a\nc")).toEqual(["@@ line 2", "- b"]);
  expect(lineDiff("a\nc", "a\nb\nc")).toEqual(["@@ line 2", "+ b"]);
  expect(lineDiff("", "x\n".repeat(20))).toContain("+ ... 14 more lines");
  expect(lineDiff("same", "same")).toEqual([]);
});

test("every generated file has its own path and ends with a line break, and is the same each time", () => {
  expect(new Set(generatedFiles.map(({ path }) => path)).size).toBe(generatedFiles.length);
  for (const file of generatedFiles) {
    const content = file.content();
    expect(content.endsWith("\n"), file.path).toBe(true);
    expect(file.content()).toBe(content);
  }
});
