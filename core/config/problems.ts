import leven from "leven";
import { isMap, isScalar, isSeq, type Node } from "yaml";
import type { z } from "zod";
import type { ConfigProblem } from "./config-problem.ts";
import { configJsonSchema, type JsonSchema, schemasAt } from "./json-schema.ts";
import { secretReferencePattern } from "./secret.ts";
import { placeOf, resolved, type YamlDocument } from "./yaml-document.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];
type Schemas = readonly JsonSchema[];

const list = (values: readonly unknown[]) => values.map((value) => String(value)).join(", ");

const typeWords: Readonly<Record<string, string>> = {
  object: "a structure of keys and values",
  record: "a structure of keys and values",
  array: "a list",
  string: "text",
  int: "a whole number",
  number: "a number",
};

const isSecret = (schema: JsonSchema) => schema.pattern === secretReferencePattern.source;

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
function showScalar(value: unknown): string {
  if (value === null) return "nothing";
  if (typeof value !== "string") return String(value);
  const text = JSON.stringify(value.includes("@") ? `***${value.slice(value.lastIndexOf("@"))}` : value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}

function show(node: Node | null, schemas: Schemas): string {
  if (schemas.some(isSecret)) return "*** (a secret in plain text)";
  if (isMap(node)) return "a structure";
  if (isSeq(node)) return "a list";
  const value = isScalar(node) ? node.value : null;
  return value !== null && schemas.some(holdsSecret) ? "*** (it may be a secret)" : showScalar(value);
}

function nearest(name: string, candidates: readonly string[]): string | undefined {
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

function expectation(issue: Issue, schemas: Schemas): string {
  if (schemas.some(isSecret))
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
      return `expected at most ${issue.maximum}`;
    case "invalid_format":
      return issue.format === "url" ? "expected a URL such as http://host:9090" : issue.message;
    case "invalid_key":
      return `${list(issue.issues.map((inner) => inner.message))} as a name`;
    default:
      return issue.message;
  }
}

/** Every number that is not a safe integer also breaks its own, tighter limit; that one is worth telling. */
const isSafeIntegerLimit = (issue: Issue) =>
  issue.code === "too_big" && issue.maximum === Number.MAX_SAFE_INTEGER;

/** Translates zod's issues into problems with positions in the YAML document: the first for each place, in its order. */
export function describeIssues(issues: readonly Issue[], yaml: YamlDocument): ConfigProblem[] {
  const { document, lines } = yaml;
  const root = configJsonSchema();

  /** Start of the node, or of the nearest ancestor of the path that exists. */
  const positionOf = (node: Node | null | undefined, path: Path) => {
    let found = node;
    for (let length = path.length; !found?.range && length >= 0; length -= 1) {
      const place = placeOf(document, path.slice(0, length));
      found = place?.value ?? place?.key;
    }
    const { line, col } = lines.linePos(found?.range?.[0] ?? 0);
    return { line, column: col };
  };

  const problem = (node: Node | null | undefined, path: Path, message: string): ConfigProblem => ({
    ...positionOf(node, path),
    path: path.map(String).join("."),
    message,
  });

  const describe = (issue: Issue): ConfigProblem[] => {
    const { path } = issue;
    const schemas = schemasAt(path, root);
    if (issue.code === "unrecognized_keys") {
      const known = [...new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))];
      return issue.keys.map((key) => {
        const suggestion = nearest(key, known);
        const advice =
          suggestion === undefined ? `known here: ${list(known)}` : `did you mean ${suggestion}?`;
        return problem(placeOf(document, [...path, key])?.key, [...path, key], `unknown key; ${advice}`);
      });
    }
    const place = placeOf(document, path);
    const wanted = expectation(issue, schemas);
    if (place === undefined) {
      const meaning =
        issue.code === "invalid_union" ? undefined : schemas[0]?.description?.replace(/\.$/, "");
      return [problem(undefined, path, `missing; ${wanted}${meaning === undefined ? "" : ` (${meaning})`}`)];
    }
    if (issue.code === "invalid_key") {
      return [problem(place.key, path, `got the name ${showScalar(String(path.at(-1)))}, ${wanted}`)];
    }
    return [
      problem(
        place.value ?? place.key,
        path,
        `got ${show(resolved(place.value, document), schemas)}, ${wanted}`,
      ),
    ];
  };

  const ordered = issues.toSorted((a, b) => Number(isSafeIntegerLimit(a)) - Number(isSafeIntegerLimit(b)));
  const byPlace = new Map<string, ConfigProblem>();
  for (const found of ordered.flatMap(describe)) if (!byPlace.has(found.path)) byPlace.set(found.path, found);
  return [...byPlace.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}
