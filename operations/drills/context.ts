import type { DegradationMode } from "../../catalog/mode.ts";
import type { AlertWatch } from "./alert-watch.ts";
import type { Drill } from "./drill.ts";
import type { DrillEvent } from "./drill-result.ts";
import type { DrillJournal } from "./journal.ts";
import type { DrillTarget } from "./target.ts";

/** What else is held against a drill while it runs, and who runs the commands; the tests of the pages have both. */
export interface DrillHooks {
  /** Called while the modes hold. Answers what is not as it should be. */
  held?(drill: Drill): Promise<readonly string[]>;
  /** Runs a mode's remedy, or its plan. Answers what is wrong with what it printed as well. */
  remedy?(
    mode: DegradationMode,
    part: "plan" | "execute",
  ): Promise<{
    readonly code: number | null;
    readonly problem: string | undefined;
  }>;
}

/** What drills of one run share. */
export interface DrillContext {
  readonly target: DrillTarget;
  readonly seed: number;
  readonly watch: AlertWatch;
  readonly journal: DrillJournal;
  readonly versions: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly hooks?: DrillHooks | undefined;
  readonly onEvent?: ((drill: Drill, event: DrillEvent) => void) | undefined;
}
