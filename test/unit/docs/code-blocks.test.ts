import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { ConfigError, parseConfig } from "../../../core/config/load.ts";
import { configSchema } from "../../../core/config/schema.ts";
import { messageOf } from "../../../core/errors.ts";
import { webConfigSchema } from "../../../exporters/web-config/schema.ts";
import { complaint } from "../../closure/commands.ts";
import { codeBlocks, commandSpans, documents, root } from "./documents.ts";
import { concrete, shellCommands } from "./shell-commands.ts";

const pages = documents();
const blocks = [...pages].flatMap(([page, text]) => codeBlocks(text).map((block) => ({ page, ...block })));
const ofLanguage = (...languages: readonly string[]) =>
  blocks.filter(({ language }) => languages.includes(language));

const scripts = new Set(
  Object.keys(
    (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> })
      .scripts,
  ),
);
const targets = new Set(
  [...readFileSync(join(root, "Makefile"), "utf8").matchAll(/^([a-z-]+):/gm)].map(([, name]) => name),
);

/** What is wrong with a command of the pages; undefined for one that would run, or is somebody else's. */
async function commandProblem(written: string): Promise<string | undefined> {
  const command = concrete(written);
  const [program, first = "", second = ""] = command.split(/\s+/);
  if (program === "redisops") {
    const problem = await complaint(command);
    const asksForHelp = /\s--(?:help|version)$/.test(command);
    return asksForHelp && problem === "it would run nothing" ? undefined : problem;
  }
  if (program === "make" && first !== "" && !targets.has(first)) return `the Makefile has no target ${first}`;
  if (program === "npm" && first === "run" && !scripts.has(second))
    return `package.json has no script ${second}`;
  return undefined;
}

async function problemsOf(commands: readonly { readonly page: string; readonly command: string }[]) {
  const found = new Map<string, string | undefined>();
  for (const command of new Set(commands.map((each) => each.command)))
    found.set(command, await commandProblem(command));
  return commands.flatMap(({ page, command }) => {
    const problem = found.get(command);
    return problem === undefined ? [] : [`${page}: ${command}: ${problem}`];
  });
}

/** What is wrong with YAML of the pages: each kind that redisops reads is held against its schema. */
function yamlProblem(text: string): string | undefined {
  try {
    const document: unknown = parse(text);
    // A comment alone, as for an editor.
    if (document === null) return undefined;
    if (typeof document !== "object") return "it is no mapping";
    const keys = Object.keys(document);
    // Grafana's and Kubernetes' files.
    if (keys.includes("apiVersion")) return undefined;
    if (keys.some((key) => key in webConfigSchema.shape)) webConfigSchema.parse(document);
    else if (keys.some((key) => key in configSchema.shape)) {
      parseConfig(stringify({ platform: "messenger", roles: {}, ...document }), "redisops.yaml");
    }
    return undefined;
  } catch (error) {
    // A page shows a part of a section.
    if (error instanceof ConfigError && error.problems.every(({ message }) => message.startsWith("missing;")))
      return undefined;
    return messageOf(error);
  }
}

test("every command in a shell block is understood", async () => {
  const commands = ofLanguage("sh", "bash", "console").flatMap(({ page, text }) =>
    shellCommands(text).map((command) => ({ page, command })),
  );
  expect(commands.filter(({ command }) => command.startsWith("redisops ")).length).toBeGreaterThan(100);
  expect(await problemsOf(commands)).toEqual([]);
});

test("every command of redisops in a sentence is understood", async () => {
  const commands = [...pages]
    .filter(([page]) => page !== "CHANGELOG.md")
    .flatMap(([page, text]) => commandSpans(text).map((command) => ({ page, command })))
    // `redisops lab`, `redisops recover …`: a family of commands.
    .filter(({ command }) => !/…|\.\.\.|^redisops(?: \w+)?$|\|/.test(command));
  expect(commands.length).toBeGreaterThan(50);
  // A sentence may name a command without what it needs: `redisops recover throttle`.
  const problems = (await problemsOf(commands)).filter(
    (problem) => !/: (?:Missing required|Not enough) /.test(problem),
  );
  expect(problems).toEqual([]);
});

test("every block of YAML is valid, and valid as the file that it is part of", () => {
  const found = ofLanguage("yaml", "yml");
  expect(found.length).toBeGreaterThan(8);
  expect(
    found.flatMap(({ page, text }) => {
      const problem = yamlProblem(text);
      return problem === undefined ? [] : [`${page}: ${text.split("\n", 1)[0]} …: ${problem}`];
    }),
  ).toEqual([]);
});

test.each(ofLanguage("json").map(({ page, text }) => [page, text] as const))(
  "JSON of %s is valid",
  (_, text) => {
    expect(() => JSON.parse(text)).not.toThrow();
  },
);

test("every block says its language", () => {
  const unnamed = blocks.filter(({ language }) => language === "");
  expect(unnamed.map(({ page, text }) => `${page}: ${text.split("\n", 1)[0]}`)).toEqual([]);
});

test("what is wrong is seen", async () => {
  const page = "docs/made-up.md";
  const commands = shellCommands(
    [
      "$ A=b npx redisops recover bloom --exeute   # typo",
      "redisops status --role dedup | jq .",
      "redisops drilll list && make nothing",
      "redisops recover \\",
      "  blom",
      "npm run no-such-script",
      "curl -s localhost:9910/metrics",
    ].join("\n"),
  );
  expect(await problemsOf(commands.map((command) => ({ page, command })))).toEqual([
    expect.stringContaining("Unknown option: --exeute"),
    expect.stringContaining("redisops drilll list: Unknown command"),
    expect.stringContaining("the Makefile has no target nothing"),
    expect.stringMatching(/redisops recover\s+blom: .*Did you mean bloom/),
    expect.stringContaining("package.json has no script no-such-script"),
  ]);
  expect(concrete("redisops recover show <run> > out.json")).toBe("redisops recover show x");
  expect(yamlProblem("roles: [")).toBeDefined();
  expect(yamlProblem("roles:\n  dedup: { topology: single }\n")).toMatch(/redisops\.yaml:\d/);
  expect(yamlProblem("exporter: {}\nrolles: {}\n")).toMatch(/did you mean roles/);
  expect(yamlProblem("postgres:\n  tables: { runs: { table: operations.runs } }\n")).toBeUndefined();
  expect(yamlProblem("postgres:\n  tables: { runs: { tabel: runs } }\n")).toMatch(/did you mean table/);
  expect(yamlProblem("basic_auth_users: 5\n")).toBeDefined();
  expect(yamlProblem("scrape_configs: []\n")).toBeUndefined();
});
