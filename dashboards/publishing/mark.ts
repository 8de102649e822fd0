import { fingerprint, projection } from "./projection.ts";

type Json = Readonly<Record<string, unknown>>;

/** Name of the hidden variable by which redisops knows its own boards. */
const markName = "redisops_revision";

/** Grafana's number for a variable that is shown nowhere. */
const hidden = 2;

/** What a board says of itself: the whole content that redisops has made, and the part that a person would change. */
export interface Mark {
  readonly content: string;
  readonly visible: string;
}

/** The board with a hidden constant that says what redisops has made of it. Links do not carry it. */
export function marked(board: Json): Json {
  const templating = board.templating as { readonly list: readonly unknown[] };
  const value = `${fingerprint(board)}-${fingerprint(projection(board))}`;
  const variable = {
    type: "constant",
    name: markName,
    label: "Revision",
    description:
      "By this redisops dashboards push knows that it has made the board, and whether somebody changed it.",
    hide: hidden,
    skipUrlSync: true,
    query: value,
    current: { selected: true, text: value, value },
  };
  return { ...board, templating: { ...templating, list: [...templating.list, variable] } };
}

/** The mark of a board; undefined where redisops did not make it. */
export function markOf(board: Json): Mark | undefined {
  const list = (board.templating as { readonly list?: unknown } | undefined)?.list;
  if (!Array.isArray(list)) return undefined;
  const found = list.find((each: { readonly name?: unknown } | null) => each?.name === markName) as
    | { readonly query?: unknown }
    | undefined;
  const [, content, visible] = /^([0-9a-f]{16})-([0-9a-f]{16})$/.exec(String(found?.query)) ?? [];
  return content === undefined || visible === undefined ? undefined : { content, visible };
}
