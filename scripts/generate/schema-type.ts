import { z } from "zod";
import { address, duration, labelName, secret, sqlName } from "../../core/config/fields.ts";
import type { JsonSchema } from "../../core/config/json-schema.ts";
import { durationPattern } from "../../core/duration.ts";

/** The two ways in which a secret is written. */
export const secretForms = `\`\${NAME}\` or \`file:/path\``;

const patternOf = (field: z.ZodType) => (z.toJSONSchema(field, { io: "input" }) as JsonSchema).pattern;

/** Kinds of text that the configuration knows, by the pattern that the JSON Schema has for them. */
const textKinds: ReadonlyMap<string | undefined, string> = new Map([
  [patternOf(address()), "`host:port`"],
  [patternOf(secret()), `secret: ${secretForms}`],
  [patternOf(sqlName()), "SQL name"],
  [patternOf(labelName()), "short name (`a-z`, `0-9`, `_`, `-`; up to 40)"],
  [patternOf(duration()), "duration"],
]);

function textType(schema: JsonSchema): string {
  if (schema.format === "uri") return "URL";
  if (schema.pattern !== undefined)
    return textKinds.get(schema.pattern) ?? `text matching \`${schema.pattern}\``;
  const example = schema.default;
  return typeof example === "string" && example !== "" && durationPattern.test(example) ? "duration" : "text";
}

function numberType(schema: JsonSchema): string {
  const noun = schema.type === "integer" ? "whole number" : "number";
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const lower =
    exclusiveMinimum === undefined
      ? minimum === undefined
        ? ""
        : ` from ${minimum}`
      : ` greater than ${exclusiveMinimum}`;
  const upper =
    exclusiveMaximum === undefined
      ? maximum === undefined
        ? ""
        : ` to ${maximum}`
      : ` less than ${exclusiveMaximum}`;
  return `${noun}${lower}${upper}`;
}

/** What may stand at a place of redisops.yaml, in words, with the allowed values. */
export function typeInWords(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(" or ");
  switch (schema.type) {
    case "string":
      return textType(schema);
    case "integer":
    case "number":
      return numberType(schema);
    case "boolean":
      return "`true` or `false`";
    case "array":
      return schema.items === undefined ? "list" : `list of ${typeInWords(schema.items)}`;
    case "object":
      return typeof schema.additionalProperties === "object" ? "structure by name" : "structure";
    default:
      throw new Error(`The configuration's JSON Schema has a part without a type: ${JSON.stringify(schema)}`);
  }
}
