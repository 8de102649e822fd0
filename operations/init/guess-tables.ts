/** A table as Postgres lists it. */
export interface ListedTable {
  /** As it is to be named: with its schema where the search path does not lead to it. */
  readonly name: string;
  /** Columns with their types, `timestamp with time zone`. */
  readonly columns: ReadonlyMap<string, string>;
  /** Rows by the planner's estimate; -1 where it was never analysed. */
  readonly rows: number;
}

/** A table that has the columns of one of the jobs, and what of it is not as redisops expects by default. */
export interface TableGuess {
  readonly section:
    | "sent_notifications"
    | "sends"
    | "pending_deliveries"
    | "preferences"
    | "messages"
    | "connections";
  readonly table: ListedTable;
  readonly values: Readonly<Record<string, string>>;
  readonly why: string;
}

interface Wanted {
  readonly section: TableGuess["section"];
  /** The table's name by default. */
  readonly name: string;
  /** A name that is like it. */
  readonly like: RegExp;
  /** Keys of the section with the names that a column may have, the default first. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** Columns that have no key of their own. */
  readonly also?: readonly string[];
  /** Columns that tell that it is another one's. */
  readonly not?: readonly string[];
}

const wanted: readonly Wanted[] = [
  {
    section: "sent_notifications",
    name: "notifications",
    like: /notification|sent/i,
    columns: { id_column: ["id", "notification_id"], sent_at_column: ["sent_at", "created_at"] },
    not: ["exposed_at", "message_id"],
  },
  {
    section: "sends",
    name: "sends",
    like: /send|deliver|attempt/i,
    columns: { id_column: ["notification_id"], sent_at_column: ["sent_at", "created_at"] },
    not: ["exposed_at"],
  },
  {
    section: "pending_deliveries",
    name: "pending_deliveries",
    like: /pending|queue|undelivered|waiting/i,
    columns: {
      user_column: ["user_id", "recipient_id", "recipient"],
      created_at_column: ["created_at", "queued_at"],
    },
    also: ["message_id"],
  },
  {
    section: "preferences",
    name: "preferences",
    like: /preference|opt/i,
    columns: {},
    also: ["user_id", "channel", "opted_out"],
    not: ["was_opted_out"],
  },
  {
    section: "messages",
    name: "messages",
    like: /message/i,
    columns: {
      conversation_column: ["conversation_id", "chat_id"],
      id_column: ["message_id", "seq", "sequence", "id"],
      created_at_column: ["created_at", "sent_at"],
    },
    not: ["attempts"],
  },
  {
    section: "connections",
    name: "connections",
    like: /connection|session/i,
    columns: {
      user_column: ["user_id"],
      server_column: ["server_id", "server"],
      connection_column: ["connection_id"],
      connected_at_column: ["connected_at"],
      disconnected_at_column: ["disconnected_at"],
    },
  },
];

/** The columns that a table has for the keys of a section; undefined where one is missing, or is no time. */
function columnsFor(
  { columns, also = [], not = [] }: Wanted,
  table: ListedTable,
): Record<string, string> | undefined {
  if (also.some((name) => !table.columns.has(name)) || not.some((name) => table.columns.has(name)))
    return undefined;
  const found: Record<string, string> = {};
  for (const [key, names] of Object.entries(columns)) {
    const column = names.find((name) => {
      const type = table.columns.get(name);
      return type !== undefined && (!key.endsWith("_at_column") || type === "timestamp with time zone");
    });
    if (column === undefined) return undefined;
    // The default is not written down.
    if (column !== names[0]) found[key] = column;
  }
  return found;
}

const bare = (name: string) => name.slice(name.lastIndexOf(".") + 1);

/** Which of the tables redisops would read, by their columns and names. */
export function guessTables(tables: readonly ListedTable[]): readonly TableGuess[] {
  return wanted.flatMap((each): TableGuess[] => {
    const { section, name, like } = each;
    const candidates = tables
      .flatMap((table) => {
        const columns = columnsFor(each, table);
        const rank = bare(table.name) === name ? 0 : like.test(bare(table.name)) ? 1 : 2;
        return columns === undefined || rank === 2 ? [] : [{ table, columns, rank }];
      })
      .toSorted((a, b) => a.rank - b.rank || b.table.rows - a.table.rows);
    const [best, ...others] = candidates;
    if (best === undefined) return [];
    const { table, columns } = best;
    const beside =
      others.length === 0 ? "" : ` So have ${others.map((other) => other.table.name).join(", ")}.`;
    const values = { ...(table.name !== name && { table: table.name }), ...columns };
    return [{ section, table, values, why: `The table ${table.name} has the columns for it.${beside}` }];
  });
}

/** The beside tables of preferences by their columns: of changes, and of notifications that were sent on assumption. */
export function preferenceTables(tables: readonly ListedTable[]): Readonly<Record<string, string>> {
  const having = (...columns: string[]) =>
    tables.find((table) => columns.every((column) => table.columns.has(column)))?.name;
  const changes = having("was_opted_out", "opted_out", "channel", "user_id");
  const exposures = having("notification_id", "channel", "user_id", "exposed_at");
  return {
    ...(changes !== undefined && changes !== "preference_changes" && { changes_table: changes }),
    ...(exposures !== undefined && exposures !== "preference_exposures" && { exposures_table: exposures }),
  };
}
