import { isUtf8 } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { messageOf, RedisopsError } from "../errors.ts";
import type { ConfigProblem } from "./config-problem.ts";
import { configJsonSchema } from "./json-schema.ts";
import { describeIssues, maxProblems } from "./problems.ts";
import { type Config, configSchema } from "./schema.ts";
import { readYaml } from "./yaml-document.ts";

/** Place of the configuration when neither --config nor REDISOPS_CONFIG names one. */
export const defaultConfigPath = "redisops.yaml";

/** Larger files are refused; a real configuration has some kilobytes. */
const maxConfigBytes = 1_048_576;

/** CONFIG_SYNTAX or CONFIG_INVALID, with each problem's position. */
export class ConfigError extends RedisopsError {
  readonly problems: readonly ConfigProblem[];

  constructor(code: "CONFIG_SYNTAX" | "CONFIG_INVALID", path: string, all: readonly ConfigProblem[]) {
    const problems = all.slice(0, maxProblems);
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const more = problems.length === maxProblems ? " or more" : "";
    const lines = problems.map(
      ({ line, column, path: where, message }) =>
        `  ${path}:${line}:${column} ${where === "" ? "" : `${where}: `}${message}`,
    );
    super(code, `${path} has ${count}${more}:\n${lines.join("\n")}`);
    this.problems = problems;
  }

  override toJSON() {
    return { ...super.toJSON(), problems: this.problems };
  }
}

/** Validates the text of a configuration. `path` is used in messages only. Throws a ConfigError. */
export function parseConfig(text: string, path: string): Config {
  const yaml = readYaml(text);
  if ("problems" in yaml) throw new ConfigError("CONFIG_SYNTAX", path, yaml.problems);
  if (yaml.values === null || yaml.values === undefined) {
    const message = `nothing is configured here; at least ${configJsonSchema().required?.join(" and ")} must be (redisops.example.yaml is a whole example)`;
    throw new ConfigError("CONFIG_INVALID", path, [{ line: 1, column: 1, path: "", message }]);
  }
  const result = configSchema.safeParse(yaml.values);
  if (!result.success) {
    throw new ConfigError("CONFIG_INVALID", path, describeIssues(result.error.issues, yaml));
  }
  return result.data as Config;
}

/** Reads a file up to one byte over the limit, so that a device or a pipe without an end does no harm. */
function readBounded(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(maxConfigBytes + 1);
    let length = 0;
    let read = -1;
    while (read !== 0 && length < buffer.length) {
      read = readSync(file, buffer, length, buffer.length - length, null);
      length += read;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** The bytes as text. Throws a ConfigError that says where they stop being UTF-8 text. */
function decodeUtf8(bytes: Buffer, path: string): string {
  const lossy = bytes.toString("utf8");
  const stops = [lossy.indexOf("\0"), isUtf8(bytes) ? -1 : lossy.indexOf("\uFFFD")].filter((at) => at >= 0);
  if (stops.length === 0) return lossy.replace(/^\uFEFF/, "");
  const before = lossy.slice(0, Math.min(...stops)).split("\n");
  const place = { line: before.length, column: (before.at(-1) ?? "").length + 1, path: "" };
  throw new ConfigError("CONFIG_SYNTAX", path, [{ ...place, message: "not text in UTF-8 from here on" }]);
}

/** Reads and validates the configuration. Throws CONFIG_NOT_FOUND or a ConfigError. */
export function loadConfig(path: string): Config {
  let bytes: Buffer;
  try {
    bytes = readBounded(path);
  } catch (error) {
    throw new RedisopsError(
      "CONFIG_NOT_FOUND",
      `Cannot read the configuration ${path}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  if (bytes.length > maxConfigBytes) {
    const message = `longer than ${maxConfigBytes} bytes; this is not a redisops configuration`;
    throw new ConfigError("CONFIG_INVALID", path, [{ line: 1, column: 1, path: "", message }]);
  }
  return parseConfig(decodeUtf8(bytes, path), path);
}
