import { z } from "zod";
import { errorDocument, outputDocuments } from "../../operations/json-output/documents.ts";
import type { OutputDocument } from "../../operations/json-output/shared.ts";
import { inlineCode, page, table } from "../../runbooks/markdown.ts";

/** What is read of a JSON Schema that zod writes. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

/** Longer lists of words are only in the schema. */
const mostWords = 8;
/** Deeper fields are only in the schema. */
const deepest = 3;

const schemaOf = (schema: z.ZodType) =>
  z.toJSONSchema(schema, { io: "output", target: "draft-2020-12" }) as Schema;

function typeOf(schema: Schema): string {
  const { type, const: only, enum: words, format, items, prefixItems, anyOf, additionalProperties } = schema;
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(" or ");
  if (only !== undefined) return inlineCode(JSON.stringify(only));
  if (words !== undefined)
    return words.length > mostWords
      ? "one of many words"
      : words.map((word) => inlineCode(JSON.stringify(word))).join(", ");
  if (prefixItems !== undefined) return `list of ${prefixItems.length}`;
  if (isError(schema)) return "error";
  if (type === "array")
    return (items?.type === "object" && !isError(items)) || items?.anyOf
      ? "list"
      : `list of ${typeOf(items ?? {})}`;
  if (
    type === "object" &&
    typeof additionalProperties === "object" &&
    additionalProperties.type !== undefined
  )
    return `object of ${typeOf(additionalProperties)}`;
  return format === "date-time" ? "time" : (type ?? "anything");
}

/** Errors are described once, in docs/errors.md. */
const isError = ({ properties }: Schema) => properties?.code !== undefined && properties.next !== undefined;

/** The object that a schema is, or whose list or map it is, with what has to be put behind the name. */
function inside(schema: Schema): { readonly ending: string; readonly object: Schema } | undefined {
  if (isError(schema)) return undefined;
  if (schema.properties !== undefined) return { ending: "", object: schema };
  const variant = schema.anyOf?.map(inside).find((found) => found !== undefined);
  if (variant !== undefined) return variant;
  const [ending, below] =
    schema.items !== undefined
      ? ["[]", schema.items]
      : typeof schema.additionalProperties === "object"
        ? [".*", schema.additionalProperties]
        : ["", undefined];
  const found = below === undefined ? undefined : inside(below);
  return found && { ending: `${ending}${found.ending}`, object: found.object };
}

function rowsOf(object: Schema, before = "", depth = 1): string[][] {
  return Object.entries(object.properties ?? {}).flatMap(([name, schema]) => {
    const path = `${before}${name}`;
    const optional = object.required?.includes(name) ? "" : ", may be left out";
    const own = [inlineCode(path), `${typeOf(schema)}${optional}`, schema.description ?? ""];
    const below = depth >= deepest ? undefined : inside(schema);
    return [own, ...(below === undefined ? [] : rowsOf(below.object, `${path}${below.ending}.`, depth + 1))];
  });
}

/** The forms of a document: one, or for a command that plans and acts several. */
function fieldsOf(schema: Schema): string[][] {
  const forms = schema.anyOf ?? [schema];
  const rows = new Map<string, string[][]>();
  for (const form of forms) {
    for (const [path = "", type = "", text = ""] of rowsOf(form)) {
      rows.set(path, [...(rows.get(path) ?? []), [type, text]]);
    }
  }
  return [...rows].map(([path, found]) => {
    const all = [...new Set(found.map(([type = ""]) => type))];
    const types = all.filter((type) => !all.includes(`${type} or null`));
    const notAlways = found.length < forms.length && !types.some((type) => type.endsWith("left out"));
    return [path, `${types.join(", ")}${notAlways ? ", may be left out" : ""}`, found[0]?.[1] ?? ""];
  });
}

/** Commands whose documents are the same stand together. */
function sections(): { readonly commands: readonly string[]; readonly document: OutputDocument }[] {
  const groups = Map.groupBy(
    outputDocuments,
    ({ about, schema }) => `${about}${JSON.stringify(schemaOf(schema))}`,
  );
  return [...groups.values()].flatMap(([document, ...others]) =>
    document === undefined
      ? []
      : [{ commands: [document, ...others].map(({ command }) => command), document }],
  );
}

/** docs/json.md: what each command prints with `--json`. */
export function renderJsonDoc(): string {
  return page([
    "<!-- Generated from operations/json-output. Edit that, then run npm run generate. -->",
    "# JSON output",
    "With `--json` a command prints one document on stdout and nothing else there; warnings and progress are on stderr. `redisops exporter` and `redisops completion` have none; `redisops oncall --listen` prints its lines without being asked. Fields stay as they are within a major version; new ones may come. [json.schema.json](json.schema.json) has all documents under `$defs` as JSON Schema, and the tests hold what every command prints against it.",
    "A command that fails prints `error` in place of its document, as [errors.md](errors.md#json-form) has it, and its exit code is the error’s. Times are ISO 8601 in UTC.",
    ...sections().flatMap(({ commands, document }) => [
      `## ${commands.join(", ")}`,
      document.about,
      table(["Field", "Type", "Meaning"], fieldsOf(schemaOf(document.schema))),
    ]),
  ]);
}

/** docs/json.schema.json: the documents of all commands by name, and that of an error. */
export function renderJsonOutputSchema(): string {
  const bare = (schema: z.ZodType) => {
    const { $schema: _, ...body } = schemaOf(schema) as Schema & { readonly $schema?: string };
    return body;
  };
  const documents = sections().flatMap(({ commands: [first = "", ...others], document }) => [
    [first, { description: document.about, ...bare(document.schema) }],
    ...others.map((command) => [command, { $ref: `#/$defs/${encodeURIComponent(first)}` }]),
  ]);
  const all = { ...Object.fromEntries(documents), error: bare(errorDocument) };
  return `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", $defs: all }, null, 2)}\n`;
}
