import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { loadConfig, parseConfig } from "../../../core/config/load.ts";
import { publishedSchema, renderSchemaFile, schemaId } from "../../../scripts/generate/schema-file.ts";

const examplePath = new URL("../../../redisops.example.yaml", import.meta.url).pathname;
const example = readFileSync(examplePath, "utf8");

const ajv = new Ajv2020({ allErrors: true });
ajv.addFormat("uri", (text: string) => URL.canParse(text));
const validate = ajv.compile(publishedSchema());

afterEach(() => {
  vi.unstubAllEnvs();
});

test("is valid JSON with an address and a title", () => {
  const schema: unknown = JSON.parse(renderSchemaFile());
  expect(schema).toMatchObject({ $id: schemaId, title: "redisops.yaml", type: "object" });
});

test("accepts redisops.example.yaml, and so does redisops", () => {
  expect(validate(parse(example))).toBe(true);
  expect(validate.errors).toBeNull();
  const config = loadConfig(examplePath);
  expect(config.platform).toBe("messenger");
  expect(Object.keys(config.roles)).toEqual(["registry", "sequence", "preferences", "dedup", "token_bucket"]);
  expect(config.thresholds.BloomCold).toEqual({ absent_ratio: 0.05, for: "1m" });
});

test("the example resolves its secrets once its variables are set", () => {
  vi.stubEnv("REGISTRY_PASSWORD", "from the environment");
  expect(loadConfig(examplePath).roles.registry?.password?.reveal()).toBe("from the environment");
});

const wrong: readonly (readonly [name: string, from: string, to: string])[] = [
  ["an unknown key", "platform:", "platfrom:"],
  ["a missing key", "platform: messenger\n", ""],
  ["an unknown topology", "topology: standalone", "topology: single"],
  ["a key of another topology", "address: registry", "primary: registry"],
  ["a plain secret", "${REGISTRY_PASSWORD}", "hunter2"],
  ["a number out of range", "error_rate: 0.01", "error_rate: 0.5"],
  ["an upper-case provider", "  twilio:\n", "  Twilio:\n"],
  ["an address without a port", "postgres.internal:5432", "postgres.internal"],
  ["an unknown threshold", "absent_ratio", "absent"],
];

test.each(wrong)("refuses %s, and so does redisops", (_, from, to) => {
  const text = example.replace(from, to);
  expect(text).not.toBe(example);
  expect(validate(parse(text))).toBe(false);
  expect(() => parseConfig(text, "redisops.yaml")).toThrow(/redisops\.yaml:\d+:\d+/);
});
