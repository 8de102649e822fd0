import type { Client } from "pg";
import { quoteName } from "../../core/postgres/connect.ts";
import type { ConnectionEvent } from "../../core/registry/connection-event.ts";
import type { PostgresSource } from "./registry-source.ts";

interface Row {
  readonly user_id: string;
  readonly server_id: string;
  readonly connection_id: string;
  readonly connected_ms: string;
  readonly disconnected_ms: string | null;
}

/** What a table of connections is called in SQL. */
export function tableNames({ table }: PostgresSource) {
  return {
    table: quoteName(table.table),
    user: quoteName(table.user_column),
    server: quoteName(table.server_column),
    connection: quoteName(table.connection_column),
    connectedAt: quoteName(table.connected_at_column),
    disconnectedAt: quoteName(table.disconnected_at_column),
  };
}

/**
 * The columns of a row as an event. Times are cut to milliseconds, never rounded up: an entry must not be newer than its
 * connection, which would then count as superseded at its next heartbeat.
 */
export function eventColumns(source: PostgresSource): string {
  const { user, server, connection, connectedAt, disconnectedAt } = tableNames(source);
  const ms = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)::bigint`;
  return `${user}::text AS user_id, ${server}::text AS server_id, ${connection}::text AS connection_id,
    ${ms(connectedAt)} AS connected_ms, ${ms(disconnectedAt)} AS disconnected_ms`;
}

/** A row as the newest event of its user. A column that is null makes an event that no entry can be made of. */
export function eventOf(row: Row): ConnectionEvent {
  const ended = row.disconnected_ms !== null;
  return {
    kind: ended ? "disconnected" : "connected",
    userId: row.user_id ?? "",
    serverId: row.server_id ?? "",
    connectionId: row.connection_id ?? "",
    atMs: Number((ended ? row.disconnected_ms : row.connected_ms) ?? Number.NaN),
  };
}

/**
 * The connections in a range of the table's pages: their order needs no index and their place no user's id in a
 * checkpoint. `changedSinceMs` leaves out those that neither began nor ended since.
 */
export async function readPages(
  client: Client,
  source: PostgresSource,
  pages: { readonly first: number; readonly end: number },
  changedSinceMs?: number,
): Promise<ConnectionEvent[]> {
  const { table, connectedAt, disconnectedAt } = tableNames(source);
  const changed =
    changedSinceMs === undefined
      ? ""
      : `AND (${connectedAt} >= to_timestamp($3 / 1000.0) OR ${disconnectedAt} >= to_timestamp($3 / 1000.0))`;
  const { rows } = await client.query<Row>(
    `SELECT ${eventColumns(source)} FROM ${table} WHERE ctid >= $1::tid AND ctid < $2::tid ${changed}`,
    [`(${pages.first},0)`, `(${pages.end},0)`, ...(changedSinceMs === undefined ? [] : [changedSinceMs])],
  );
  return rows.map(eventOf);
}

/** Pages of the table, or of its largest partition: a range of pages means that range of each. */
export async function countPages(client: Client, source: PostgresSource): Promise<number> {
  const { table } = tableNames(source);
  const { rows } = await client.query<{ pages: string | null }>(
    `SELECT max(pg_relation_size(relid) / current_setting('block_size')::bigint)::bigint AS pages
     FROM (SELECT relid FROM pg_partition_tree($1::regclass) UNION SELECT $1::regclass) AS relations`,
    [table],
  );
  return Number(rows[0]?.pages ?? 0);
}
