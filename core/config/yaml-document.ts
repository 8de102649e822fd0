import type { ErrorCode } from "yaml";
import {
  type Document,
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
const nested = "a value cannot hold a second key on its line; put it on its own line, or in quotes";

const tooDeep = "nested too deeply to be a configuration";

/** Our words for the parser's. Its own quote what stands in the file, which may be a secret. */
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_DQ_ESCAPE: "a backslash with no meaning in double quotes; use single quotes, or write it twice",
  BAD_INDENT: "not indented like the lines that it belongs to",
  BAD_SCALAR_START: "a value cannot begin with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: nested,
  DUPLICATE_KEY: "this key is already there, above; keep one of them",
  MULTILINE_IMPLICIT_KEY: nested,
  MULTIPLE_DOCS: "a second document begins here; a configuration is one document",
  RESOURCE_EXHAUSTION: tooDeep,
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
};

const unresolvedAlias = "an alias without its anchor; a value that begins with * needs quotes";

type Problems = { readonly problems: readonly ConfigProblem[] };

/** The first problem of each line: one mistake makes the parser stumble several times. */
function firstOfEachLine(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<number>();
  return problems.filter(({ line }) => !seen.has(line) && seen.add(line));
}

/** Offsets of all aliases, and of those whose anchor does not come before them. */
function aliasOffsets(document: Document.Parsed): { all: number[]; unresolved: number[] } {
  const anchors = new Set<string>();
  const all: number[] = [];
  const unresolved: number[] = [];
  visit(document, {
    Node(_, node) {
      const offset = node.range?.[0] ?? 0;
      if (isAlias(node)) {
        all.push(offset);
        if (!anchors.has(node.source)) unresolved.push(offset);
      } else if ("anchor" in node && node.anchor !== undefined) anchors.add(node.anchor);
    },
  });
  return { all, unresolved };
}

/** Reads YAML. Returns its problems instead where it is none. */
export function readYaml(text: string): YamlDocument | Problems {
  const lines = new LineCounter();
  const problem = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), path: "", message };
  };
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
    if (document.errors.length > 0) {
      const found = document.errors.map(({ pos, code }) => problem(pos[0], words[code] ?? generic));
      return { problems: firstOfEachLine(found) };
    }
    const { all, unresolved } = aliasOffsets(document);
    if (unresolved.length > 0)
      return { problems: unresolved.map((offset) => problem(offset, unresolvedAlias)) };
    if (all.length > maxAliases)
      return { problems: [problem(all[maxAliases] ?? 0, `more than ${maxAliases} aliases`)] };
    try {
      return { document, lines, values: document.toJS({ maxAliasCount: maxAliases }) };
    } catch {
      return { problems: [problem(all[0] ?? 0, `aliases that stand for more than ${maxAliases} others`)] };
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
