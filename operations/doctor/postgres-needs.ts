import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { defaultPreferenceTables } from "../../core/preferences/schema.ts";

/** Privileges on tables that redisops may need. */
export type TablePrivilege = "SELECT" | "INSERT" | "UPDATE" | "DELETE";

/** What redisops needs of a table. */
export interface TableNeed {
  readonly table: string;
  readonly privileges: readonly TablePrivilege[];
  readonly columns: readonly string[];
  /** Columns of indexes that keep its statements cheap, each list one index. */
  readonly indexes: readonly (readonly string[])[];
  /** What does not work without it. */
  readonly for: string;
  /** Whether the platform may do without it. */
  readonly optional: boolean;
}

/**
 * The tables of a configuration with what probes, audits and recoveries do to them; docs/security.md has the same as
 * grants.
 *
 * @param recoveries whether recoveries shall work as well
 */
export function tableNeeds({ tables }: PostgresConfig, recoveries: boolean): readonly TableNeed[] {
  const needs: TableNeed[] = [];
  const need = (table: string, rest: Partial<TableNeed> & Pick<TableNeed, "for">) =>
    needs.push({ table, privileges: ["SELECT"], columns: [], indexes: [], optional: false, ...rest });
  const { sent_notifications, sends, pending_deliveries, preferences, messages, connections } = tables;
  if (sent_notifications !== undefined) {
    const { table, id_column, sent_at_column } = sent_notifications;
    need(table, {
      columns: [id_column, sent_at_column],
      indexes: [[sent_at_column]],
      for: "the filter's canaries and its rebuild",
    });
  }
  if (sends !== undefined) {
    const { table, id_column, sent_at_column } = sends;
    need(table, {
      columns: [id_column, sent_at_column],
      indexes: [[sent_at_column]],
      for: "redisops audit duplicates",
    });
  }
  if (pending_deliveries !== undefined) {
    const { table, user_column, created_at_column } = pending_deliveries;
    need(table, {
      privileges: recoveries ? ["SELECT", "INSERT", "UPDATE", "DELETE"] : ["SELECT"],
      columns: [user_column, created_at_column],
      indexes: [[created_at_column]],
      for: recoveries
        ? "the probe of waiting messages and redisops recover pending"
        : "the probe of waiting messages",
    });
  }
  if (preferences !== undefined) {
    const { table, changes_table, exposures_table } = preferences;
    need(table, { columns: ["user_id", "channel", "opted_out"], for: "the probe of preferences" });
    // A platform's own table without triggers is sampled in another way.
    const beside = { columns: ["user_id", "channel"], optional: true };
    need(changes_table, { ...beside, for: "finding stale entries and redisops recover preferences" });
    need(exposures_table, { ...beside, for: "redisops audit preferences" });
  }
  if (messages !== undefined) {
    const { table, conversation_column, id_column, created_at_column } = messages;
    need(table, {
      columns: [conversation_column, id_column, created_at_column],
      indexes: [[created_at_column], [conversation_column, created_at_column]],
      for: "holding sequence counters against messages",
    });
  }
  if (connections !== undefined) {
    const { table, user_column, server_column, connection_column, ...times } = connections;
    need(table, {
      columns: [
        user_column,
        server_column,
        connection_column,
        times.connected_at_column,
        times.disconnected_at_column,
      ],
      indexes: [[user_column]],
      for: "redisops recover registry",
    });
  }
  return needs;
}

/** Whether a table is one that docs/preferences.md gives the statements for. */
export const isPreferencesTable = (table: string) => Object.values(defaultPreferenceTables).includes(table);
