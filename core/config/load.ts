import { messageOf, RedisopsError } from "../errors.ts";
import type { ConfigProblem } from "./config-problem.ts";
import { configJsonSchema } from "./json-schema.ts";
import { describeIssues, maxProblems } from "./problems.ts";
import { readText } from "./read-text.ts";
import { type Config, configSchema } from "./schema.ts";
import { readYaml } from "./yaml-document.ts";

/** CONFIG_SYNTAX or CONFIG_INVALID, or WEB_CONFIG_INVALID for the file of `--web.config.file`, with each problem's position. */
export class ConfigError extends RedisopsError {
  readonly problems: readonly ConfigProblem[];

  constructor(
    code: "CONFIG_SYNTAX" | "CONFIG_INVALID" | "WEB_CONFIG_INVALID",
    path: string,
    all: readonly ConfigProblem[],
  ) {
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

/** Reads and validates the configuration. Throws CONFIG_NOT_FOUND or a ConfigError. */
export function loadConfig(path: string): Config {
  let text: ReturnType<typeof readText>;
  try {
    text = readText(path);
  } catch (error) {
    throw new RedisopsError(
      "CONFIG_NOT_FOUND",
      `Cannot read the configuration ${path}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  if (typeof text === "string") return parseConfig(text, path);
  const { kind, ...problem } = text;
  throw new ConfigError(kind === "size" ? "CONFIG_INVALID" : "CONFIG_SYNTAX", path, [problem]);
}
