import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { stateFolder } from "../../recovery/run/journal.ts";
import type { DrillPhase } from "./drill-result.ts";

/** A line of a drill's journal. */
export type DrillJournalEntry =
  | {
      readonly event: "run";
      readonly target: string;
      readonly seed: number;
      readonly drills: readonly string[];
    }
  | { readonly event: "phase"; readonly drill: string; readonly phase: DrillPhase; readonly what: string }
  /** Written before the fault is caused: `byHand` says how it is undone when this process is killed. */
  | { readonly event: "fault"; readonly drill: string; readonly what: string; readonly byHand: string }
  | { readonly event: "caused"; readonly drill: string; readonly what: string }
  | { readonly event: "undo" | "undone"; readonly drill: string; readonly what: string }
  | { readonly event: "not_undone"; readonly drill: string; readonly what: string; readonly why: string }
  | { readonly event: "command"; readonly drill: string; readonly command: string }
  | {
      readonly event: "command_ended";
      readonly drill: string;
      readonly command: string;
      readonly code: number | null;
    }
  | {
      readonly event: "drill_ended";
      readonly drill: string;
      readonly passed: boolean;
      readonly problems: readonly string[];
    }
  | { readonly event: "run_ended"; readonly passed: boolean };

/** Folder of the journals of drills; `config` may lack it where a drill has a platform of its own. */
export function drillJournalFolder(config: { readonly state_dir?: string | undefined }): string {
  return join(stateFolder({ state_dir: config.state_dir }), "drills");
}

/** What happened in a run of drills, as JSON lines: a line is on the disk before what it announces is done. */
export class DrillJournal {
  readonly path: string;
  readonly #file: number;

  /** Throws JOURNAL_UNWRITABLE, before anything was done. */
  constructor(folder: string, startedAt: Date) {
    const name = `drill-${startedAt.toISOString().replace(/[:.]/g, "-")}-${process.pid}.jsonl`;
    this.path = join(folder, name);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#file = openSync(this.path, "ax", 0o600);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** Appends a line and waits until the disk has it. Throws JOURNAL_UNWRITABLE. */
  append(entry: DrillJournalEntry): void {
    try {
      writeSync(this.#file, `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
      fsyncSync(this.#file);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** Appends a line if the journal is still writable: what is being undone is not kept from it by a full disk. */
  note(entry: DrillJournalEntry): void {
    try {
      this.append(entry);
    } catch {
      // What went before is there.
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #unwritable(error: unknown): RedisopsError {
    return new RedisopsError(
      "JOURNAL_UNWRITABLE",
      `Cannot write the journal ${this.path}: ${messageOf(error)}`,
    );
  }
}
