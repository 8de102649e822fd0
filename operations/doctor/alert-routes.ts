import { z } from "zod";

type Labels = Readonly<Record<string, string>>;

/** A node of Alertmanager's routing tree, as far as choosing a receiver goes. */
export interface Route {
  readonly receiver?: string | undefined;
  readonly continue?: boolean | undefined;
  readonly matchers?: readonly string[] | undefined;
  readonly match?: Labels | undefined;
  readonly match_re?: Labels | undefined;
  readonly repeat_interval?: string | undefined;
  readonly routes?: readonly Route[] | undefined;
}

const text = z.coerce.string();

/** YAML leaves numbers and booleans unquoted where Alertmanager means strings. */
export const routeSchema: z.ZodType<Route> = z.lazy(() =>
  z.object({
    receiver: text.optional(),
    continue: z.boolean().optional(),
    matchers: z.array(text).optional(),
    match: z.record(z.string(), text).optional(),
    match_re: z.record(z.string(), text).optional(),
    repeat_interval: text.optional(),
    routes: z.array(routeSchema).optional(),
  }),
);

/** `name="value"`, also several in braces, names quoted or not (Alertmanager 0.27 allows any UTF-8 in quotes). */
const matcher =
  /(?:"((?:[^"\\]|\\.)*)"|([\p{L}\p{N}_:.-]+))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}\s]*))/gu;

const unescaped = (word: string) =>
  word.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));

/** Alertmanager anchors its expressions. One that JavaScript does not understand matches nothing. */
function matchesExpression(expression: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${expression})$`, "s").test(value);
  } catch {
    return false;
  }
}

function matchesOne(written: string, labels: Labels): boolean {
  return [...written.matchAll(matcher)].every(([, quotedName, name = "", operator, quoted, bare = ""]) => {
    const value = labels[quotedName === undefined ? name : unescaped(quotedName)] ?? "";
    const wanted = quoted === undefined ? bare : unescaped(quoted);
    switch (operator) {
      case "=":
        return value === wanted;
      case "!=":
        return value !== wanted;
      case "=~":
        return matchesExpression(wanted, value);
      default:
        return !matchesExpression(wanted, value);
    }
  });
}

function matches({ matchers = [], match = {}, match_re = {} }: Route, labels: Labels): boolean {
  return (
    matchers.every((written) => matchesOne(written, labels)) &&
    Object.entries(match).every(([name, value]) => (labels[name] ?? "") === value) &&
    Object.entries(match_re).every(([name, value]) => matchesExpression(value, labels[name] ?? ""))
  );
}

/** Where an alert ends up. */
export interface Destination {
  readonly receiver: string;
  /** How often it is told again; of the route or what is above it. */
  readonly repeatInterval: string | undefined;
}

/**
 * The receivers that an alert with these labels reaches, as `amtool config routes test` finds them: the deepest routes that
 * match, the first one at each level unless it says `continue`.
 */
export function destinationsOf(root: Route, labels: Labels, above?: Destination): readonly Destination[] {
  const own: Destination = {
    receiver: root.receiver ?? above?.receiver ?? "",
    repeatInterval: root.repeat_interval ?? above?.repeatInterval,
  };
  const found: Destination[] = [];
  for (const route of root.routes ?? []) {
    if (!matches(route, labels)) continue;
    found.push(...destinationsOf(route, labels, own));
    if (route.continue !== true) break;
  }
  return found.length > 0 ? found : [own];
}
