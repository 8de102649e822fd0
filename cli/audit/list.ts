import { once } from "node:events";
import { csvLine } from "../csv.ts";
import { note, print, styled } from "../output.ts";
import type { ListFormat } from "./options.ts";

/** A column of an audit's list. */
export interface Column<Row> {
  /** Its name in CSV, as in JSON. */
  readonly name: keyof Row & string;
  /** Its head in the table. */
  readonly head: string;
  /** Printed in the table where there is no value; a CSV cell is empty then. */
  readonly missing?: string;
}

/** Ids come from whoever made them: nothing in them may steer the reader's terminal. */
const printable = (text: string) => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}");

/**
 * What an audit found: all are counted, the first ones are listed. CSV is written at once, at the pace of its reader; a
 * table and JSON are kept for the end, as what is said above them needs the counts.
 */
export class AuditList<Row extends object> {
  /** The first ones, where they are kept. */
  readonly kept: Row[] = [];
  found = 0;
  readonly #columns: readonly Column<Row>[];
  readonly #format: ListFormat;
  readonly #limit: number;
  #begun = false;

  constructor(columns: readonly Column<Row>[], { format, limit }: { format: ListFormat; limit: number }) {
    this.#columns = columns;
    this.#format = format;
    this.#limit = limit;
  }

  async add(rows: readonly Row[]): Promise<void> {
    const listed = rows.slice(0, Math.max(0, this.#limit - this.found));
    this.found += rows.length;
    if (this.#format !== "csv") this.kept.push(...listed);
    else if (listed.length > 0) await this.#write(listed);
  }

  /** Says what was found, above the table or, beside CSV, on stderr; JSON is its caller's. */
  async show(said: string): Promise<void> {
    if (this.#format === "csv") {
      await this.#endCsv();
      note(said);
    } else if (this.found === 0) print(said);
    else {
      print(styled("bold", said));
      print();
      await this.#printTable();
    }
  }

  /** Ends CSV: its head is there also where nothing was found, and the reader is told of what is left out. */
  async #endCsv(): Promise<void> {
    await this.#write([]);
    const left = this.found - this.#limit;
    if (left > 0) note(`warning: ${left.toLocaleString("en-US")} more are not listed: --limit cuts the list`);
  }

  /** Prints the table. */
  async #printTable(): Promise<void> {
    const { columns } = await import("../table.ts");
    const rows = this.kept.map((row) =>
      this.#columns.map(({ name, missing = "-" }) => printable(String(row[name] ?? missing))),
    );
    const head = this.#columns.map((column) => column.head);
    for (const line of columns(head, rows)) print(line);
    const left = this.found - this.kept.length;
    if (left > 0) print(`... and ${left.toLocaleString("en-US")} more; --limit shows them.`);
  }

  async #write(rows: readonly Row[]): Promise<void> {
    const lines = rows.map((row) =>
      csvLine(
        this.#columns.map(({ name }) => {
          const value = row[name] ?? "";
          return typeof value === "number" ? value : String(value);
        }),
      ),
    );
    const head = this.#begun ? "" : csvLine(this.#columns.map(({ name }) => name));
    this.#begun = true;
    const text = `${head}${lines.join("")}`;
    if (text !== "" && !process.stdout.write(text)) await drained();
  }
}

/** Waits until stdout takes more, or nobody reads it any more. */
async function drained(): Promise<void> {
  if (process.stdout.writableNeedDrain !== true || process.stdout.destroyed) return;
  const over = new AbortController();
  const { signal } = over;
  const settled = ["drain", "close", "error"].map((event) =>
    once(process.stdout, event, { signal }).catch(() => undefined),
  );
  await Promise.race(settled);
  over.abort();
}
