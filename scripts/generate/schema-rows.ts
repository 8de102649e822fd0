import type { JsonSchema } from "../../core/config/json-schema.ts";

/** One key of redisops.yaml. */
export interface KeyRow {
  /** Dotted; `<name>` stands for a name that the reader chooses. */
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** A place of redisops.yaml that takes one of several forms. */
export interface UnionPlace {
  readonly key: string;
  readonly variants: readonly JsonSchema[];
  readonly description: string;
}

/** The keys below a schema, outermost first, and the unions among them, which are described apart. */
export interface Keys {
  readonly rows: readonly KeyRow[];
  readonly unions: readonly UnionPlace[];
}

const join = (prefix: string, name: string) => (prefix === "" ? name : `${prefix}.${name}`);

function children(schema: JsonSchema): [name: string, child: JsonSchema, required: boolean][] {
  const named = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required ?? []);
  return [
    ...named.map(([name, child]): [string, JsonSchema, boolean] => [name, child, required.has(name)]),
    ...(typeof schema.additionalProperties === "object"
      ? [["<name>", schema.additionalProperties, false] as [string, JsonSchema, boolean]]
      : []),
  ];
}

/** Walks a schema of type object. */
export function keysBelow(schema: JsonSchema, prefix: string): Keys {
  const rows: KeyRow[] = [];
  const unions: UnionPlace[] = [];
  for (const [name, child, required] of children(schema)) {
    const key = join(prefix, name);
    const variants = child.oneOf ?? child.anyOf;
    if (variants !== undefined) {
      unions.push({ key, variants, description: child.description ?? "" });
      continue;
    }
    // The entry of a map has nothing to say that its map has not said.
    if (name !== "<name>") rows.push({ key, schema: child, required });
    const inner = keysBelow(child, key);
    rows.push(...inner.rows);
    unions.push(...inner.unions);
  }
  return { rows, unions };
}
