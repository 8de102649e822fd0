import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { errorCodes, exitCodes } from "../../../core/error-codes.ts";
import { renderErrorsDoc } from "../../../scripts/generate/errors-doc.ts";
import { sectionsOf } from "./headings.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sourceFolders =
  "{catalog,core,exporters,fallbacks,recovery,cli,lab,alerts,dashboards,runbooks,operations}";
const sources = globSync(`${sourceFolders}/**/*.ts`, { cwd: root })
  .filter((path) => path !== join("core", "error-codes.ts"))
  .map((path) => readFileSync(join(root, path), "utf8"));
const page = renderErrorsDoc();

test.each(Object.keys(errorCodes))("%s is raised somewhere", (code) => {
  expect(sources.some((source) => new RegExp(`"${code}"`).test(source))).toBe(true);
});

test("every code that the sources name in an error exists", () => {
  const raised = sources.flatMap((source) => [
    ...source.matchAll(/new (?:RedisopsError|ConfigError)\(\s*"([A-Z_]+)"/g),
  ]);
  expect(raised.length).toBeGreaterThan(5);
  expect(
    raised.map((match) => match[1]).filter((code) => !(code !== undefined && code in errorCodes)),
  ).toEqual([]);
});

test("documents every code with its meaning, its next step and its exit code", () => {
  const sections = new Map(sectionsOf(page).map(({ title, body }) => [title, body]));
  for (const [code, { meaning, next, exitCode }] of Object.entries(errorCodes)) {
    expect(sections.get(code)).toBe(`${meaning}\n\n- Next step: ${next}\n- Exit code: ${exitCode}`);
  }
});

test("documents every exit code, and every error has one of them", () => {
  const table = sectionsOf(page).find(({ title }) => title === "Exit codes")?.body ?? "";
  const documented = [...table.matchAll(/^\| `(\d+)` /gm)].map((match) => Number(match[1]));
  expect(documented).toEqual(Object.values(exitCodes).toSorted((a, b) => a - b));
  for (const { exitCode } of Object.values(errorCodes)) expect(documented).toContain(exitCode);
});
