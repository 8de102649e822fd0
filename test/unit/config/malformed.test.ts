import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../../core/config/load.ts";
import { malformedProviders } from "./malformed-providers.ts";
import { malformedRoles } from "./malformed-roles.ts";
import { malformedSections } from "./malformed-sections.ts";
import { malformedYaml } from "./malformed-yaml.ts";

function refusal(text: string): ConfigError {
  try {
    parseConfig(text, "redisops.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("This configuration was accepted");
}

/** `line:column path` of the first problem. */
function placeOf({ problems: [first] }: ConfigError): string {
  return `${first?.line}:${first?.column} ${first?.path}`.trim();
}

test("the table is as long as it is meant to be", () => {
  expect(malformedRoles.length + malformedSections.length + malformedYaml.length).toBeGreaterThanOrEqual(60);
});

test.each([...malformedRoles, ...malformedSections, ...malformedProviders])(
  "%s",
  (_, text, place, message) => {
    const error = refusal(text);
    expect(error.code).toBe("CONFIG_INVALID");
    expect(placeOf(error)).toBe(place);
    expect(error.problems[0]?.message).toBe(message);
    expect(error.exitCode).toBe(64);
  },
);

test.each(malformedYaml)("%s", (_, text, place, message) => {
  const error = refusal(text);
  expect(error.code).toBe("CONFIG_SYNTAX");
  expect(placeOf(error)).toBe(place);
  expect(error.problems[0]?.message).toContain(message);
});

test.each(["[", "{a: ", "- "])("nesting by %j without an end is refused", (opening) => {
  const error = refusal(opening.repeat(50_000));
  expect(error.code).toBe("CONFIG_SYNTAX");
  expect(error.problems).toMatchObject([{ line: 1, message: "nested too deeply to be a configuration" }]);
});

test("a mistake is told once, where it is", () => {
  const once = [...malformedRoles, ...malformedSections].filter(
    ([name]) => !["a role without a value", "a value behind an alias"].includes(name),
  );
  for (const [name, text] of once) expect(refusal(text).problems, name).toHaveLength(1);
});

test("the message names file, line, column and path, problem by problem, in the order of the file", () => {
  const text = "platform: X\nroles: {}\nexporter:\n  canary_ids: 1\nfoo: 1\n";
  expect(refusal(text).message).toBe(
    [
      "redisops.yaml has 3 problems:",
      '  redisops.yaml:1:11 platform: got "X", expected up to 40 lower-case letters, digits, dashes or underscores',
      "  redisops.yaml:4:15 exporter.canary_ids: got 1, expected at least 20",
      "  redisops.yaml:5:1 foo: unknown key; known here: platform, roles, postgres, kafka, providers, exporter, prometheus, alertmanager, alerting, grafana, oncall, capacity, thresholds, recovery, state_dir",
    ].join("\n"),
  );
});

test("the JSON form has the problems with their places", () => {
  const report: unknown = JSON.parse(JSON.stringify(refusal("platform: x\nroles: 5\n")));
  expect(report).toMatchObject({ code: "CONFIG_INVALID", problems: [{ line: 2, column: 8, path: "roles" }] });
});

test("a file that is wrong all over is refused quickly, and not at length", () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `key${index}: value`).join("\n");
  const started = performance.now();
  const error = refusal(keys);
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(error.problems).toHaveLength(50);
  expect(error.message).toContain("has 50 problems or more:");
});
