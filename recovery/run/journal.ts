import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import type { Pin, Plan } from "../recovery.ts";

/** What a run began with: all that it takes to go on with it, here or on another machine. */
export interface StartedEntry {
  readonly event: "started";
  readonly run: string;
  readonly recovery: RecoveryName;
  readonly host: string;
  readonly lock: "postgres" | "file";
  readonly token: number;
  readonly plan: Plan;
  readonly options: Readonly<Record<string, unknown>>;
  readonly pins: readonly Pin[];
  readonly maxRate?: number;
  /** What the processes that share the run know it by. */
  readonly group?: string;
}

/** One line of a run's journal. Every line is on disk before the run goes on. */
export type JournalEntry = { readonly at: string } & (
  | StartedEntry
  | {
      readonly event: "resumed";
      readonly host: string;
      readonly lock: "postgres" | "file";
      readonly token: number;
      /** The target is another one than before: what was written down until here does not count any more. */
      readonly anew: boolean;
      readonly pins: readonly Pin[];
    }
  | { readonly event: "step_started"; readonly step: string }
  | { readonly event: "step_ended"; readonly step: string; readonly seconds: number }
  | { readonly event: "checkpoint"; readonly name: string; readonly value: unknown }
  | { readonly event: "paused"; readonly reason: string }
  | { readonly event: "continued"; readonly seconds: number }
  | { readonly event: "executed"; readonly items: number; readonly seconds: number }
  | {
      readonly event: "verified";
      readonly holds: boolean;
      readonly figures: Readonly<Record<string, number>>;
    }
  | { readonly event: "failed"; readonly code: string; readonly message: string }
);

export type NewEntry = JournalEntry extends infer Entry
  ? Entry extends JournalEntry
    ? Omit<Entry, "at">
    : never
  : never;

/** How many of the newest journals are read for the typical duration. */
const journalsRead = 20;

/** Folder of what redisops keeps on this machine. */
export function stateFolder(config: Pick<Config, "state_dir">): string {
  return (
    config.state_dir ?? join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "redisops")
  );
}

/** Folder of the runs' journals. */
export function journalFolder(config: Config): string {
  return join(stateFolder(config), "runs");
}

/** An append-only journal of one run, as JSON lines. */
export class Journal {
  readonly path: string;
  readonly #file: number;
  readonly #onEntry: ((line: number, entry: JournalEntry) => void) | undefined;
  #lines: number;
  #failure: RedisopsError | undefined;

  /**
   * Creates the journal of a new run, or one of a run that is resumed: then `earlier` is what it has so far, and is
   * written where this machine does not have it. Throws JOURNAL_UNWRITABLE, before anything was changed.
   */
  constructor(
    folder: string,
    runId: string,
    earlier: readonly JournalEntry[] = [],
    onEntry?: (line: number, entry: JournalEntry) => void,
  ) {
    this.path = join(folder, `${runId}.jsonl`);
    this.#onEntry = onEntry;
    this.#lines = earlier.length;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const here = readEntries(this.path);
      this.#file = openSync(this.path, earlier.length === 0 ? "ax" : "a", 0o600);
      // A line that was cut off by the end of its writer must not swallow the next one.
      if (here !== undefined && !here.whole) writeSync(this.#file, "\n");
      const missing = earlier.slice(here?.entries.length ?? 0);
      if (missing.length > 0) {
        writeWhole(this.#file, missing.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
        fsyncSync(this.#file);
      }
    } catch (error) {
      throw new RedisopsError(
        "JOURNAL_UNWRITABLE",
        `Cannot write the journal ${this.path}: ${messageOf(error)}`,
      );
    }
  }

  /** What made the journal unwritable, if anything did: it ends there. */
  get failure(): RedisopsError | undefined {
    return this.#failure;
  }

  /** Appends a line if the journal is still writable: what was done already is not undone by a full disk. */
  note(entry: NewEntry): void {
    try {
      this.append(entry);
    } catch {
      // Kept as the journal's failure.
    }
  }

  /** Appends a line and waits until the disk has it. Throws JOURNAL_UNWRITABLE, also ever after. */
  append(entry: NewEntry): void {
    if (this.#failure !== undefined) throw this.#failure;
    const line = { at: new Date().toISOString(), ...entry } as JournalEntry;
    try {
      writeWhole(this.#file, `${JSON.stringify(line)}\n`);
      fsyncSync(this.#file);
    } catch (error) {
      this.#failure = new RedisopsError(
        "JOURNAL_UNWRITABLE",
        `Cannot write the journal ${this.path}: ${messageOf(error)}`,
      );
      throw this.#failure;
    }
    this.#onEntry?.(this.#lines++, line);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Writes all of a text: a disk that has room for a part of it takes that part, and refuses only the rest. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** The lines of a journal that can be read, and whether the last one is whole; undefined where there is none. */
function readEntries(
  path: string,
): { readonly entries: JournalEntry[]; readonly whole: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const entries = text.split("\n").flatMap((line) => {
    try {
      const entry: unknown = JSON.parse(line);
      const isEntry = typeof entry === "object" && entry !== null && "event" in entry;
      return isEntry ? [entry as JournalEntry] : [];
    } catch {
      return [];
    }
  });
  return { entries, whole: text === "" || text.endsWith("\n") };
}

/** The journal of a run on this machine; undefined where there is none. What was cut off in writing is passed over. */
export function readJournal(folder: string, run: string): readonly JournalEntry[] | undefined {
  return readEntries(join(folder, `${run}.jsonl`))?.entries;
}

/** The ids of the runs whose journals are on this machine; none where there is no folder. */
export function journalledRuns(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".jsonl"))
      .map((name) => name.slice(0, -".jsonl".length))
      .sort();
  } catch {
    return [];
  }
}

/** Items per second of earlier executed runs of a recovery, newest first; unreadable journals are passed over. */
export function earlierRates(folder: string, recovery: RecoveryName): number[] {
  return journalledRuns(folder)
    .filter((run) => run.startsWith(`${recovery}-`))
    .slice(-journalsRead)
    .reverse()
    .flatMap((run) =>
      (readJournal(folder, run) ?? [])
        .flatMap((entry) => (entry.event === "executed" ? [entry.items / entry.seconds] : []))
        .filter((rate) => Number.isFinite(rate) && rate > 0),
    );
}
