import { isScalar, type Node } from "yaml";
import type { z } from "zod";
import type { ConfigProblem } from "./config-problem.ts";
import { configJsonSchema, type JsonSchema, schemasAt } from "./json-schema.ts";
import { expectation, list, nearest, show, showScalar } from "./problem-words.ts";
import { placeOf, resolved, type YamlDocument } from "./yaml-document.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];
type Schemas = readonly JsonSchema[];

/** The schemas at a path; where the schema is a union, only the forms that the document has chosen, if it has one. */
function chosenSchemas(path: Path, root: JsonSchema, document: YamlDocument["document"]): Schemas {
  const chosen = (schemas: Schemas, at: Path): Schemas => {
    const fitting = schemas.filter((schema) =>
      Object.entries(schema.properties ?? {}).every(([name, { const: wanted }]) => {
        if (wanted === undefined) return true;
        const node = resolved(placeOf(document, [...at, name])?.value ?? null, document);
        return isScalar(node) && node.value === wanted;
      }),
    );
    return fitting.length === 0 ? schemas : fitting;
  };
  let schemas = chosen(schemasAt([], root), []);
  for (const [index, segment] of path.entries()) {
    const below = schemas.flatMap((schema) => schemasAt([segment], schema));
    schemas = chosen(below, path.slice(0, index + 1));
  }
  return schemas;
}

/** More are not described: a file with more is the wrong file. */
export const maxProblems = 50;

/** Every number that is not a safe integer also breaks its own, tighter limit; that one is worth telling. */
const isSafeIntegerLimit = (issue: Issue) =>
  issue.code === "too_big" && issue.maximum === Number.MAX_SAFE_INTEGER;

/**
 * Translates zod's issues into problems with positions in the YAML document: the first for each place, in its order.
 * `root` is the schema of the document, that of redisops.yaml unless given.
 */
export function describeIssues(
  issues: readonly Issue[],
  yaml: YamlDocument,
  root: JsonSchema = configJsonSchema(),
): ConfigProblem[] {
  const { document, lines } = yaml;

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
    const schemas = chosenSchemas(path, root, document);
    if (issue.code === "unrecognized_keys") {
      const known = [...new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))];
      return issue.keys.slice(0, maxProblems).map((key) => {
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
      // A user and its password in one word are a name as well.
      if (schemas.some(({ writeOnly }) => writeOnly === true)) {
        return [
          problem(place.key, [...path.slice(0, -1), "***"], `got a name that may hold a secret, ${wanted}`),
        ];
      }
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
  for (const issue of ordered) {
    for (const found of describe(issue)) if (!byPlace.has(found.path)) byPlace.set(found.path, found);
    if (byPlace.size >= maxProblems) break;
  }
  return [...byPlace.values()].sort((a, b) => a.line - b.line || a.column - b.column).slice(0, maxProblems);
}
