import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { configJsonSchema, type JsonSchema } from "../../../core/config/json-schema.ts";
import { renderConfigurationDoc } from "../../../scripts/generate/configuration-doc.ts";

const page = renderConfigurationDoc(modes);

interface Leaf {
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** Walks the JSON Schema in its own way, so that the generator's walk is held against another one. */
function leaves(schema: JsonSchema, key: string, required: boolean): Leaf[] {
  const forms = schema.oneOf ?? schema.anyOf;
  if (forms !== undefined) return forms.flatMap((form) => leaves(form, key, required));
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    leaves(child, key === "" ? name : `${key}.${name}`, schema.required?.includes(name) ?? false),
  );
  const named =
    typeof schema.additionalProperties === "object"
      ? leaves(schema.additionalProperties, `${key}.<name>`, false)
      : [];
  return schema.type === "object" ? [...own, ...named] : [{ key, schema, required }];
}

const rows = page.split("\n").flatMap((line) => {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  return cells.length > 4 && cells[1]?.startsWith("`")
    ? [{ key: cells[1], type: cells[2], preset: cells[3], text: cells[4] }]
    : [];
});

const all = leaves(configJsonSchema(), "", false);
const ordinary = all.filter(({ key }) => !key.startsWith("thresholds."));

test("the schema has leaves to document", () => {
  expect(all.length).toBeGreaterThan(120);
});

test.each(ordinary)("$key is documented with its default", ({ key, schema, required }) => {
  const words = (value: unknown) => (typeof value === "object" ? "empty" : `\`${String(value)}\``);
  const preset =
    schema.default === undefined ? (required ? "**required**" : "not set") : words(schema.default);
  expect(rows.filter((row) => row.key === `\`${key}\`` && row.preset === preset)).not.toEqual([]);
  for (const row of rows.filter((candidate) => candidate.key === `\`${key}\``)) {
    expect(row.type).not.toBe("");
    expect(row.text).not.toBe("");
  }
});

test.each(ordinary.filter(({ schema }) => schema.enum ?? schema.const))(
  "$key lists what is allowed",
  ({ key, schema }) => {
    const types = rows
      .filter((row) => row.key === `\`${key}\``)
      .map(({ type }) => type ?? "")
      .join(" ");
    for (const value of schema.enum ?? [schema.const]) expect(types).toContain(`\`${String(value)}\``);
  },
);

test("every threshold is documented with default and reason, and nothing else is", () => {
  const documented = rows.filter(({ key }) => key.startsWith("`thresholds."));
  const expected = modes.flatMap((mode) =>
    Object.entries(mode.thresholds).map(([name, { value }]) => ({
      key: `\`thresholds.${mode.id}.${name}\``,
      preset: `\`${value}\``,
    })),
  );
  expect(documented.map(({ key, preset }) => ({ key, preset }))).toEqual(expected);
  expect(all.filter(({ key }) => key.startsWith("thresholds.")).map(({ key }) => `\`${key}\``)).toEqual(
    expected.map(({ key }) => key),
  );
});

test("documents no key that the schema does not have", () => {
  const known = new Set(all.map(({ key }) => `\`${key}\``));
  const structures = rows.filter(({ type }) => type?.startsWith("structure"));
  for (const { key } of structures) known.add(key);
  expect(rows.filter(({ key }) => !known.has(key))).toEqual([]);
});
