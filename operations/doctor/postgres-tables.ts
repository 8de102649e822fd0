import type { Client } from "pg";
import { quoteName } from "../../core/postgres/connect.ts";
import { type Check, checked } from "./check.ts";
import { isPreferencesTable, type TableNeed, type TablePrivilege } from "./postgres-needs.ts";
import { roleName } from "./role-name.ts";

/** What Postgres has under a table's name. */
interface FoundTable {
  /** `r` a table, `p` a partitioned one, `v` a view, `m` a materialised view, `f` a foreign table. */
  readonly kind: string;
  readonly columns: readonly string[];
  /** Columns that this user may read. */
  readonly readable: readonly string[];
  readonly privileges: readonly TablePrivilege[];
  /** The columns of each valid index, in its order. */
  readonly indexes: readonly (readonly string[])[];
}

const query = `
  SELECT c.relkind AS kind,
    ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND has_column_privilege(c.oid, a.attnum, 'SELECT')) AS readable,
    ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
          WHERE has_table_privilege(c.oid, p)) AS privileges,
    (SELECT coalesce(json_agg(ARRAY(
        SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number ORDER BY k.place)), '[]')
     FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL) AS indexes
  FROM pg_class c WHERE c.oid = to_regclass($1)`;

const deniedSchema = (error: unknown) =>
  typeof error === "object" && error !== null && "code" in error && error.code === "42501";

/** Whether an index begins with these columns. */
const covers = (index: readonly string[], wanted: readonly string[]) =>
  wanted.every((column, place) => index[place] === column);

function creating({ table }: TableNeed): string {
  return isPreferencesTable(table)
    ? "Run the statements of docs/preferences.md, or correct the names under postgres.tables.preferences in redisops.yaml."
    : "Correct its name under postgres.tables in redisops.yaml.";
}

function indexStatements({ table, indexes }: TableNeed, found: FoundTable): string[] {
  if (found.kind === "v" || found.kind === "f") return [];
  // A partitioned table takes no index that way.
  const how = found.kind === "p" ? "" : " CONCURRENTLY";
  return indexes
    .filter((wanted) => !found.indexes.some((index) => covers(index, wanted)))
    .map((wanted) => `CREATE INDEX${how} ON ${table} (${wanted.join(", ")});`);
}

/** Whether a table is there, with its columns, the user's rights and the indexes that keep probes cheap. */
export async function tableCheck(client: Client, need: TableNeed, user: string): Promise<Check> {
  const { table, privileges, optional } = need;
  const id = `postgres.table.${table}`;
  const worst = optional ? "warning" : "failed";
  let rows: FoundTable[];
  try {
    ({ rows } = await client.query<FoundTable>(query, [quoteName(table)]));
  } catch (error) {
    if (!deniedSchema(error)) throw error;
    const [schema = ""] = table.split(".");
    return checked(
      id,
      worst,
      `${user} may not use the schema ${schema}: needed for ${need.for}`,
      `GRANT USAGE ON SCHEMA ${schema} TO ${roleName(user)};\nGRANT ${privileges.join(", ")} ON ${table} TO ${roleName(user)};`,
    );
  }
  const [found] = rows;
  if (found === undefined) {
    return checked(id, worst, `there is no table ${table}: needed for ${need.for}`, creating(need));
  }
  const columns = need.columns.filter((column) => !found.columns.includes(column));
  if (columns.length > 0) {
    return checked(
      id,
      worst,
      `${table} has no column ${columns.join(", ")}: needed for ${need.for}`,
      `Name its columns under postgres.tables in redisops.yaml; it has ${found.columns.slice(0, 20).join(", ")}.`,
    );
  }
  const readable = need.columns.every((column) => found.readable.includes(column));
  const denied = privileges.filter(
    (privilege) => !found.privileges.includes(privilege) && !(privilege === "SELECT" && readable),
  );
  if (denied.length > 0) {
    return checked(
      id,
      worst,
      `${user} has not got ${denied.join(", ")} on ${table}: needed for ${need.for}`,
      `GRANT ${denied.join(", ")} ON ${table} TO ${roleName(user)};`,
    );
  }
  const statements = indexStatements(need, found);
  if (statements.length > 0) {
    return checked(
      id,
      "warning",
      `${table} has no index for ${need.for}: each look reads all of it`,
      statements.join("\n"),
    );
  }
  return checked(id, "ok", `${privileges.join(", ")} on ${table}`);
}
