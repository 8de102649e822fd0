import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";
import type { ConfigProblem } from "./config-problem.ts";

/** A YAML document with what is needed to say where something stands in it. */
export interface YamlDocument {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** The document as plain values, aliases resolved. */
  readonly values: unknown;
}

/** Aliases are for a repeated password or address; more of them are a mistake or an attack on memory. */
const maxAliases = 100;

const generic = "not valid YAML here; a quote, a bracket, a comma, a colon or a space may be missing";
const nested =
  "a key or a list cannot stand inside a value; give it its own line, indented like its neighbours, or put the value in quotes";

const tooDeep = "nested too deeply to be a configuration";

/** Our words for the parser's. Its own quote what stands in the file, which may be a secret. */
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_DQ_ESCAPE: "a backslash with no meaning in double quotes; use single quotes, or write it twice",
  BAD_INDENT: "not indented like the lines that it belongs to",
  BAD_SCALAR_START: "a value cannot begin with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: nested,
  MULTILINE_IMPLICIT_KEY: nested,
  MULTIPLE_DOCS: "a second document begins here; a configuration is one document",
  RESOURCE_EXHAUSTION: tooDeep,
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
};

const duplicateKey = "this key is already there, above; keep one of them";
const tooManyAliases = `more than ${maxAliases} aliases, or aliases of aliases`;
const unresolvedAlias = "an alias without its anchor; a value that begins with * needs quotes";

type Problems = { readonly problems: readonly ConfigProblem[] };

/** The first problem of each line: one mistake makes the parser stumble several times. */
function firstOfEachLine(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<number>();
  return problems.filter(({ line }) => !seen.has(line) && seen.add(line));
}

/** What the parser leaves to us: it compares every key with every other, which takes minutes for a wrong file. */
function walk(document: Document.Parsed) {
  const anchors = new Set<string>();
  const aliases: number[] = [];
  const unresolved: number[] = [];
  const duplicates: number[] = [];
  visit(document, {
    Node(_, node) {
      const offset = node.range?.[0] ?? 0;
      if (isAlias(node)) {
        aliases.push(offset);
        if (!anchors.has(node.source)) unresolved.push(offset);
      } else if ("anchor" in node && node.anchor !== undefined) anchors.add(node.anchor);
      if (!isMap(node)) return;
      const keys = new Set<string>();
      for (const { key } of node.items) {
        if (!isScalar(key)) continue;
        if (keys.has(String(key.value))) duplicates.push(key.range?.[0] ?? 0);
        keys.add(String(key.value));
      }
    },
  });
  return { aliases, unresolved, duplicates };
}

/** Reads YAML. Returns its problems instead where it is none. */
export function readYaml(text: string): YamlDocument | Problems {
  const lines = new LineCounter();
  const problem = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), path: "", message };
  };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: "error",
      uniqueKeys: false,
    });
    if (document.errors.length > 0) {
      const found = document.errors.map(({ pos, code }) => problem(pos[0], words[code] ?? generic));
      return { problems: firstOfEachLine(found) };
    }
    const { aliases, unresolved, duplicates } = walk(document);
    const wrong = [
      ...duplicates.map((offset) => problem(offset, duplicateKey)),
      ...unresolved.map((offset) => problem(offset, unresolvedAlias)),
    ];
    if (wrong.length > 0) return { problems: wrong.sort((a, b) => a.line - b.line || a.column - b.column) };
    if (aliases.length > maxAliases) return { problems: [problem(aliases[maxAliases] ?? 0, tooManyAliases)] };
    try {
      return { document, lines, values: document.toJS({ maxAliasCount: maxAliases }) };
    } catch {
      return { problems: [problem(aliases[0] ?? 0, tooManyAliases)] };
    }
  } catch {
    // The parser recurses, and gives up on what is nested thousands of levels deep.
    return { problems: [problem(0, tooDeep)] };
  }
}

function child(
  node: Node,
  segment: PropertyKey,
): { readonly key?: Node; readonly value: Node | null } | undefined {
  if (isSeq(node)) {
    const value = node.items[Number(segment)];
    return isNode(value) ? { value } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
  if (pair === undefined || !isNode(pair.key)) return undefined;
  return { key: pair.key, value: isNode(pair.value) ? pair.value : null };
}

/** The node itself, or what an alias stands for. */
export function resolved(node: Node | null, document: Document.Parsed): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

/** What stands at a path. Undefined where there is nothing; a key without a value has a value of null. */
export function placeOf(
  document: Document.Parsed,
  path: readonly PropertyKey[],
): { readonly key?: Node; readonly value: Node | null } | undefined {
  let place: ReturnType<typeof child> = { value: document.contents };
  for (const segment of path) {
    const node = resolved(place.value, document);
    place = node === null ? undefined : child(node, segment);
    if (place === undefined) return undefined;
  }
  return place;
}
