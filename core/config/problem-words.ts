import leven from "leven";
import { isMap, isScalar, isSeq, type Node } from "yaml";
import type { z } from "zod";
import type { JsonSchema } from "./json-schema.ts";
import { secretReferencePattern } from "./secret.ts";

type Issue = z.core.$ZodIssue;
type Schemas = readonly JsonSchema[];

/** Values, one after the other. */
export const list = (values: readonly unknown[]) => values.map((value) => String(value)).join(", ");

const typeWords: Readonly<Record<string, string>> = {
  object: "a structure of keys and values",
  record: "a structure of keys and values",
  array: "a list",
  string: "text",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
};

const isReference = (schema: JsonSchema) => schema.pattern === secretReferencePattern.source;

/** A reference in redisops.yaml, or what another file holds itself and its schema marks as write-only. */
const isSecret = (schema: JsonSchema) => isReference(schema) || schema.writeOnly === true;

/** Whether a secret belongs at this place or below it, so that what stands here may be one in the wrong place. */
function holdsSecret(schema: JsonSchema): boolean {
  const inner = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.oneOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
  return isSecret(schema) || inner.some(holdsSecret);
}

/** A scalar for the reader, without the credentials that an address may carry before its @. */
export function showScalar(value: unknown): string {
  if (value === null) return "nothing";
  if (typeof value !== "string") return String(value);
  const text = JSON.stringify(value.includes("@") ? `***${value.slice(value.lastIndexOf("@"))}` : value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}

/** What stands at a place, unless it may be a secret. */
export function show(node: Node | null, schemas: Schemas): string {
  if (schemas.some(isReference)) return "*** (a secret in plain text)";
  if (isMap(node)) return "a structure";
  if (isSeq(node)) return "a list";
  const value = isScalar(node) ? node.value : null;
  return value !== null && schemas.some(holdsSecret) ? "*** (it may be a secret)" : showScalar(value);
}

/** The candidate that a misspelt name probably means. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates.map((candidate) => ({
    candidate,
    distance: leven(name.toLowerCase(), candidate.toLowerCase()),
  }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3))
    ? best.candidate
    : undefined;
}

/** What would be right in place of what an issue is about. */
export function expectation(issue: Issue, schemas: Schemas): string {
  if (schemas.some(isReference))
    return `expected a reference: \${NAME} of an environment variable, or file:/path`;
  switch (issue.code) {
    case "invalid_type":
      // A field that says itself what it expects knows better than its type.
      return issue.message.startsWith("expected")
        ? issue.message
        : `expected ${typeWords[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `expected ${issue.values.length > 1 ? "one of " : ""}${list(issue.values)}`;
    case "invalid_union":
      return `expected one of ${list(schemas.map((schema) => schema.const).filter((value) => value !== undefined))}`;
    case "too_small":
      if (issue.origin === "string") return "expected text that is not empty";
      if (issue.origin === "array") return "expected at least one element";
      return `expected ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
    case "too_big":
      return `expected ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    case "invalid_format":
      return issue.format === "url" ? "expected a URL such as http://host:9090" : issue.message;
    case "invalid_key":
      return `${list(issue.issues.map((inner) => inner.message))} as a name`;
    default:
      return issue.message;
  }
}
