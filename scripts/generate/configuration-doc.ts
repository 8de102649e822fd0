import type { DegradationMode } from "../../catalog/mode.ts";
import { configJsonSchema, type JsonSchema } from "../../core/config/json-schema.ts";
import { codeBlock, inlineCode, page, table } from "../../runbooks/markdown.ts";
import { type KeyRow, keysBelow, type UnionPlace } from "./schema-rows.ts";
import { secretForms, typeInWords } from "./schema-type.ts";

function defaultInWords({ schema, required }: KeyRow): string {
  if (required) return "**required**";
  if (schema.default === undefined) return "not set";
  return typeof schema.default === "object" ? "empty" : inlineCode(String(schema.default));
}

const keyTable = (rows: readonly KeyRow[]) =>
  table(
    ["Key", "Type", "Default", "Description"],
    rows.map((row) => [
      inlineCode(row.key),
      typeInWords(row.schema),
      defaultInWords(row),
      (row.schema.description ?? "").replaceAll(/\$\{\w+\}/g, inlineCode),
    ]),
  );

/** The key whose value says which form a union takes. */
function discriminatorOf({ key, variants }: UnionPlace): string {
  const [first, ...others] = variants.map((variant) =>
    Object.keys(variant.properties ?? {}).filter((name) => variant.properties?.[name]?.const !== undefined),
  );
  const name = first?.find((candidate) => others.every((names) => names.includes(candidate)));
  if (name === undefined) throw new Error(`The forms of ${key} are not told apart by one key`);
  return name;
}

/** First what each form has of its own, then what all of them have. */
function unionBlocks(union: UnionPlace): string[] {
  const discriminator = discriminatorOf(union);
  const forms = union.variants.map((variant) => ({ variant, rows: keysBelow(variant, union.key).rows }));
  const isShared = (row: KeyRow) =>
    forms.every(({ rows }) => rows.some((other) => JSON.stringify(other) === JSON.stringify(row)));
  const shared = forms[0]?.rows.filter(isShared) ?? [];
  const own = forms.flatMap(({ variant, rows }) => {
    const choice = `${discriminator}: ${String(variant.properties?.[discriminator]?.const)}`;
    return [`With ${inlineCode(choice)}:`, keyTable(rows.filter((row) => !isShared(row)))];
  });
  return [
    `### ${union.key}`,
    union.description,
    ...own,
    ...(shared.length === 0 ? [] : [`With any ${discriminator}:`, keyTable(shared)]),
  ].filter((block) => block !== "");
}

function sectionBlocks(name: string, schema: JsonSchema): string[] {
  const { rows, unions } = keysBelow(schema, name);
  return [
    `## ${name}`,
    schema.description ?? "",
    ...(rows.length === 0 ? [] : [keyTable(rows)]),
    ...unions.flatMap(unionBlocks),
  ].filter((block) => block !== "");
}

function thresholdBlocks(modes: readonly DegradationMode[]): string[] {
  const rows = modes.flatMap((mode) =>
    Object.entries(mode.thresholds).map(([name, threshold]) => [
      inlineCode(`thresholds.${mode.id}.${name}`),
      threshold.unit.replace("_", " "),
      inlineCode(String(threshold.value)),
      threshold.reason,
      `[${mode.id}](../runbooks/${mode.id}.md)`,
    ]),
  );
  return [
    "## thresholds",
    "When an alert fires. Every threshold has a default with a reason; name here only those that your platform needs otherwise. `for` is how long the condition must hold. Rules, `redisops status` and the verification of recoveries follow them.",
    table(["Key", "Unit", "Default", "Why this default", "Runbook"], rows),
  ];
}

const introduction = [
  "Read from the file that `--config` names, else from `REDISOPS_CONFIG`, else from `redisops.yaml` in the current folder. [redisops.example.yaml](../redisops.example.yaml) is a whole one. `redisops config check` names the line and column of every mistake; a key that is not listed here is a mistake.",
  "Editors check and complete the file with this first line:",
  codeBlock("yaml", "# yaml-language-server: $schema=docs/redisops.schema.json"),
  `A **secret** is a reference, ${secretForms}: the environment variable or the file that holds it. It is read at each use, so that a rotated secret needs no restart. The secret itself in this file is refused. A **duration** is written like \`500ms\`, \`30s\`, \`1m30s\` or \`24h\`.`,
];

/** docs/configuration.md: every key of redisops.yaml. */
export function renderConfigurationDoc(modes: readonly DegradationMode[]): string {
  const schema = configJsonSchema();
  const topLevel = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required ?? []);
  const isSection = ([, child]: [string, JsonSchema]) => child.type === "object";
  const scalars = topLevel
    .filter((entry) => !isSection(entry))
    .map(([key, child]) => ({ key, schema: child, required: required.has(key) }));
  return page([
    "<!-- Generated from core/config and catalog/modes. Edit those, then run npm run generate. -->",
    "# Configuration",
    ...introduction,
    "## Top level",
    keyTable(scalars),
    `Sections: ${topLevel
      .filter(isSection)
      .map(([key]) => `[${key}](#${key})${required.has(key) ? " (required)" : ""}`)
      .join(", ")}.`,
    ...topLevel
      .filter(isSection)
      .flatMap(([key, child]) => (key === "thresholds" ? thresholdBlocks(modes) : sectionBlocks(key, child))),
  ]);
}
