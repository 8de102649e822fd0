import pg from "pg";
import type { PendingDeliveriesConfig } from "../../core/config/postgres-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { Message } from "../../core/pending-deliveries/message.ts";
import {
  defaultPendingDeliveries,
  type PendingStatements,
  pendingStatements,
} from "../../core/pending-deliveries/table.ts";
import { describePostgres } from "../../core/postgres/connect.ts";
import {
  type BulkheadOptions,
  GuardedPostgres,
  type PostgresConnectionConfig,
} from "../guard/guarded-postgres.ts";
import { failed } from "../guard/store-failure.ts";

/** Where messages wait: the `postgres` section of redisops.yaml. */
export type PendingDeliveriesLocation = PostgresConnectionConfig & {
  readonly tables?: { readonly pending_deliveries?: PendingDeliveriesConfig | undefined } | undefined;
};

/** The table's configuration, with its defaults. */
export function pendingTable(location: PendingDeliveriesLocation): PendingDeliveriesConfig {
  return location.tables?.pending_deliveries ?? defaultPendingDeliveries;
}

/** What a statement's SQLSTATE says of the table or of the message. */
const meanings: Readonly<Record<string, string>> = {
  "22001": "a value is longer than its column allows",
  "22021": "a text has a character that Postgres does not store",
  "22P02": "a value does not have the type of its column",
  "23502": "a column that redisops does not write must not be null",
  "23503": "a foreign key has no such row",
  "23514": "a check of the table forbids the row",
  "25006": "the server is read-only",
  "3F000": "the schema does not exist",
  "42703": "the table lacks a column",
  "42804": "a column has another type",
  "42P01": "the table does not exist",
  "42P10": "the table has no primary key over its user column and message_id",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return "Postgres's client failed";
  const meaning = meanings[error.code];
  return `SQLSTATE ${error.code}${meaning === undefined ? "" : `: ${meaning}`}`;
}

/** Messages that wait for their recipient, in Postgres. */
export class PendingStore {
  readonly #postgres: GuardedPostgres;
  readonly #statements: PendingStatements;
  readonly #target: string;

  constructor(location: PendingDeliveriesLocation, options: BulkheadOptions) {
    const table = pendingTable(location);
    this.#postgres = new GuardedPostgres(location, options);
    this.#statements = pendingStatements(table);
    this.#target = `table ${table.table} of ${describePostgres(location)}`;
  }

  /**
   * Stores the message. Answers whether it waited there already. Rejects with MESSAGE_NOT_ACCEPTED when it is not known to
   * be stored.
   */
  async append({ messageId, userId, conversationId, body }: Message): Promise<{ duplicate: boolean }> {
    const values = [messageId, userId, conversationId, body];
    const result = await this.#postgres.query(this.#statements.append, values).catch((error: unknown) => {
      // Neither its message nor the error as the cause: Postgres quotes values of the row.
      throw this.#notAccepted(reasonOf(error));
    });
    if (failed(result)) throw this.#notAccepted(`no answer (${result.reason})`);
    return { duplicate: result.rowCount === 0 };
  }

  /** Whether messages wait for the user; undefined when Postgres gives no answer. */
  async waits(userId: string): Promise<boolean | undefined> {
    try {
      const result = await this.#postgres.query(this.#statements.waits, [userId]);
      return failed(result) ? undefined : result.rows.length > 0;
    } catch {
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#postgres.close();
  }

  #notAccepted(why: string): RedisopsError {
    const message = `A message for a recipient who cannot be reached was not stored in ${this.#target}: ${why}`;
    return new RedisopsError("MESSAGE_NOT_ACCEPTED", message, { target: this.#target });
  }
}
