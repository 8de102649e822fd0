import { z } from "zod";
import { configSchema } from "./schema.ts";

/** The part of JSON Schema that zod writes for our configuration. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly writeOnly?: boolean;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** The JSON Schema of redisops.yaml as it is written by a person, for editors and validators. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: "input", target: "draft-2020-12" }) as JsonSchema;
}

const variants = (schema: JsonSchema): readonly JsonSchema[] => schema.oneOf ?? schema.anyOf ?? [schema];

/** All schemas that a path can lead to; more than one where the schema is a union. */
export function schemasAt(
  path: readonly PropertyKey[],
  root: JsonSchema = configJsonSchema(),
): readonly JsonSchema[] {
  let current: readonly JsonSchema[] = variants(root);
  for (const segment of path) {
    current = current.flatMap((schema) => {
      const child =
        typeof segment === "number"
          ? schema.items
          : (schema.properties?.[String(segment)] ??
            (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined));
      return child === undefined ? [] : variants(child);
    });
  }
  return current;
}
