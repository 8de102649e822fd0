import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { messageOf } from "../../core/errors.ts";
import { ReconnectingPostgres } from "../../core/postgres/reconnecting.ts";
import { deleteOldJournals, runTables } from "../../core/recovery-runs/run-tables.ts";
import type { JournalEntry } from "./journal.ts";

/** Milliseconds to connect, and for one statement. */
const timeouts = { connect: 3_000, statement: 3_000 };
/** Longest wait for the last lines at a run's end, in milliseconds. */
const closeDeadline = 5_000;

/**
 * Writes a run's journal into Postgres as well, so that another machine can go on with the run. The journal on disk is
 * the one that counts: this one never fails, and says once when it is not whole.
 */
export class JournalRows {
  readonly #database: ReconnectingPostgres;
  readonly #table: string;
  readonly #cleanUp: string;
  readonly #run: string;
  readonly #onProblem: (problem: string) => void;
  #waiting: { readonly line: number; readonly entry: JournalEntry }[] = [];
  #writing: Promise<void> | undefined;
  #said = false;

  constructor(postgres: PostgresConfig, run: string, onProblem: (problem: string) => void) {
    const tables = runTables(postgres);
    this.#database = new ReconnectingPostgres(postgres, timeouts);
    this.#table = tables.journal;
    this.#cleanUp = deleteOldJournals(tables);
    this.#run = run;
    this.#onProblem = onProblem;
  }

  /** Takes a line, to be written soon. */
  add(line: number, entry: JournalEntry): void {
    this.#waiting.push({ line, entry });
    this.#writing ??= this.#write();
  }

  /** Writes what waits, deletes journals that are too old, and ends the connection; takes a few seconds at most. */
  async close(): Promise<void> {
    const end = async () => {
      await this.#writing;
      if (this.#waiting.length > 0) await this.#write();
      await this.#database.work((client) => client.query(this.#cleanUp)).catch(() => undefined);
      await this.#database.close();
    };
    await withDeadline(end(), closeDeadline, () => new Error("not in time")).catch(() => undefined);
  }

  /** Lines that Postgres does not take wait for the next one. */
  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const lines = this.#waiting.slice(0, 1_000);
        await this.#database.work((client) =>
          client.query(
            `INSERT INTO ${this.#table} (run, line, entry)
             SELECT $1, line, entry FROM unnest($2::integer[], $3::jsonb[]) AS lines (line, entry)
             ON CONFLICT (run, line) DO NOTHING`,
            [this.#run, lines.map(({ line }) => line), lines.map(({ entry }) => JSON.stringify(entry))],
          ),
        );
        this.#waiting = this.#waiting.slice(lines.length);
      }
    } catch (error) {
      if (!this.#said) {
        this.#onProblem(
          `the journal could not be written into Postgres, so only this machine can resume the run for now: ${messageOf(error)}`,
        );
      }
      this.#said = true;
    } finally {
      this.#writing = undefined;
    }
  }
}

/** The journal of a run as Postgres has it; empty where there is none. */
export async function readJournalRows(
  database: ReconnectingPostgres,
  postgres: PostgresConfig,
  run: string,
): Promise<readonly JournalEntry[]> {
  const { journal } = runTables(postgres);
  return database.work(async (client) => {
    const { rows: found } = await client.query<{ there: boolean }>(
      "SELECT to_regclass($1) IS NOT NULL AS there",
      [journal],
    );
    if (found[0]?.there !== true) return [];
    const { rows } = await client.query<{ entry: JournalEntry }>(
      `SELECT entry FROM ${journal} WHERE run = $1 ORDER BY line`,
      [run],
    );
    return rows.map(({ entry }) => entry);
  });
}
