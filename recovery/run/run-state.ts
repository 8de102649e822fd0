import { RedisopsError } from "../../core/errors.ts";
import type { JournalEntry, StartedEntry } from "./journal.ts";

/** How a run ended, as its journal has it; `open`: it is under way, or died without a word. */
export type RunState = "open" | "succeeded" | "failed" | "interrupted";

/** What a journal says of its run. */
export interface JournalledRun {
  readonly started: StartedEntry & { readonly at: string };
  readonly state: RunState;
  /** What ended it, from the list of errors; undefined where nothing did. */
  readonly code: string | undefined;
  /** What was last written down under each name; nothing from before the target became another one. */
  readonly checkpoints: ReadonlyMap<string, unknown>;
  /** The pins that count: those of the latest beginning. */
  readonly pins: StartedEntry["pins"];
  /** How often it was resumed. */
  readonly resumed: number;
}

/** Reads a run from its journal. Throws RUN_UNKNOWN where the journal does not begin as one. */
export function readRun(run: string, entries: readonly JournalEntry[]): JournalledRun {
  const started = entries[0];
  if (started?.event !== "started" || started.plan === undefined || !Array.isArray(started.pins)) {
    throw new RedisopsError("RUN_UNKNOWN", `The journal of ${run} does not say what the run is`, {
      next: "It was cut off before the run began, or is of another version: make a new plan.",
    });
  }
  const checkpoints = new Map<string, unknown>();
  let pins: StartedEntry["pins"] = started.pins;
  let state: RunState = "open";
  let code: string | undefined;
  let resumed = 0;
  for (const entry of entries) {
    switch (entry.event) {
      case "resumed":
        resumed += 1;
        state = "open";
        code = undefined;
        pins = entry.pins;
        if (entry.anew) checkpoints.clear();
        break;
      case "checkpoint":
        checkpoints.set(entry.name, entry.value);
        break;
      case "verified":
        state = entry.holds ? "succeeded" : "failed";
        code = entry.holds ? undefined : "VERIFICATION_FAILED";
        break;
      case "failed":
        state = entry.code === "INTERRUPTED" ? "interrupted" : "failed";
        code = entry.code;
        break;
    }
  }
  return { started, state, code, checkpoints, pins, resumed };
}
