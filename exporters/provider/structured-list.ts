/** One member of a list of HTTP Structured Fields (RFC 9651), or of a dictionary, as far as rate limits need them. */
export interface ListMember {
  /** The item: a string without its quotes, a token or the digits of a number. */
  readonly value: string;
  /** `limit=100` of a dictionary. */
  readonly assigned: number | undefined;
  readonly parameters: ReadonlyMap<string, string | number>;
}

/** Longer fields are not read: a few policies take less. */
const longestField = 1_000;

const quoted = String.raw`"[^"\\]*"`;
const bare = `[A-Za-z0-9*][A-Za-z0-9_.*:/%+-]*`;
const parameter = new RegExp(
  String.raw`\s*;\s*([a-z*][a-z0-9_.*-]*)(?:=(${quoted}|:[A-Za-z0-9+/=]*:|${bare}))?`,
  "y",
);
const item = new RegExp(String.raw`\s*(${quoted}|${bare})(?:=(\d{1,15}))?`, "y");
const end = /\s*(?:,(?=\s*\S)|$)/y;

const unquoted = (text: string) => (text.startsWith('"') ? text.slice(1, -1) : text);

/** Whether a value is a whole number from 0 up. */
export function isWholeNumber(value: string | number | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The members of a list field; none where it is absent or is not one. */
export function listMembers(field: string | null): ListMember[] {
  const text = field?.trim() ?? "";
  if (text === "" || text.length > longestField) return [];
  const members: ListMember[] = [];
  let at = 0;
  const next = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length) {
    const found = next(item);
    if (found === null) return [];
    const parameters = new Map<string, string | number>();
    for (let match = next(parameter); match !== null; match = next(parameter)) {
      const [, name = "", value = ""] = match;
      parameters.set(name, /^\d{1,15}$/.test(value) ? Number(value) : unquoted(value));
    }
    if (next(end) === null) return [];
    const [, value = "", assigned] = found;
    members.push({
      value: unquoted(value),
      assigned: assigned === undefined ? undefined : Number(assigned),
      parameters,
    });
  }
  return members;
}
