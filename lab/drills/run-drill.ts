import { modes } from "../../catalog/modes.ts";
import { messageOf } from "../../core/errors.ts";
import { rebuildFilter } from "../platform/rebuild-filter.ts";
import { type Drill, drillName } from "./drill.ts";
import { faultOf } from "./fault-words.ts";
import { PageCommands, panelProblems, pastedProblems } from "./page-checks.ts";
import { laneOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";
import { holding, untilAll } from "./waiting.ts";

/** What a drill has found. */
export interface DrillReport {
  readonly drill: Drill;
  /** By mode: what is not as the mode says; empty where all is. */
  readonly problems: ReadonlyMap<string, readonly string[]>;
  /** Seconds until the modes held, and until they were over again after the remedy. */
  readonly seconds: { readonly cause: number; readonly pages: number; readonly recovery: number };
}

/** A drill under way. */
class Running {
  readonly #stage: Stage;
  readonly #drill: Drill;
  readonly #problems: Map<string, string[]>;
  readonly #commands: PageCommands;
  readonly #undo: (() => Promise<void>)[] = [];

  constructor(stage: Stage, drill: Drill) {
    this.#stage = stage;
    this.#drill = drill;
    this.#problems = new Map(drill.modes.map(({ id }) => [id, []]));
    this.#commands = new PageCommands(stage);
  }

  get problems(): ReadonlyMap<string, readonly string[]> {
    return this.#problems;
  }

  async cause(): Promise<void> {
    for (const mode of await untilAll(this.#stage, this.#drill, "over")) {
      this.#note(mode.id, [`${mode.id}: its condition holds before anything is done`]);
    }
    for (const words of this.#drill.inject) {
      this.#undo.unshift(await this.#stage.faults.cause(faultOf(words)));
    }
    for (const mode of await untilAll(this.#stage, this.#drill, "holding")) {
      this.#note(mode.id, [`${mode.id}: ${drillName(this.#drill)} does not bring its condition about`]);
    }
  }

  /** What the pages and boards show while the modes hold. */
  async pages(): Promise<void> {
    for (const mode of this.#drill.modes) {
      this.#note(mode.id, await this.#commands.check(mode, "decide"));
      this.#note(mode.id, await panelProblems(this.#stage, mode));
      this.#note(mode.id, await pastedProblems(this.#stage, mode));
    }
  }

  /** A remedy that needs something first has it done by the healing; every other one is tried while the fault holds. */
  async recover(): Promise<void> {
    const remedies = this.#drill.modes.filter(({ remedy }) => remedy.kind === "command");
    const tried = remedies.filter(({ remedy }) => remedy.kind === "command" && remedy.first === undefined);
    await this.#remedy(tried);
    await this.heal();
    await this.#remedy(remedies.filter((mode) => !tried.includes(mode)));
    for (const mode of await untilAll(this.#stage, this.#drill, "over")) {
      this.#note(mode.id, [`${mode.id}: its condition is not over after the remedy and the healing`]);
    }
    await this.#refill();
  }

  /** What was sent while the filter was away is not in it: as on-call would, unless this drill has done it. */
  async #refill(): Promise<void> {
    const cold = modes.filter(({ id }) => id === "BloomCold");
    if (laneOf(this.#drill) !== "filter") return;
    if ((await holding(this.#stage, { ...this.#drill, modes: cold })).length === 0) return;
    await rebuildFilter(this.#stage.configFile);
    await untilAll(this.#stage, { ...this.#drill, modes: cold }, "over");
  }

  async #remedy(modes: Drill["modes"]): Promise<void> {
    if (modes.length === 0) return;
    for (const mode of modes) this.#note(mode.id, await this.#commands.check(mode, "plan"));
    for (const mode of modes) this.#note(mode.id, await this.#commands.check(mode, "execute"));
    for (const mode of await untilAll(this.#stage, { ...this.#drill, modes }, "over")) {
      this.#note(mode.id, [`${mode.id}: its condition is not over after its own remedy`]);
    }
  }

  async heal(): Promise<void> {
    for (const undo of this.#undo.splice(0)) {
      await undo().catch((error: unknown) =>
        this.fail(`${drillName(this.#drill)} is not undone: ${messageOf(error)}`),
      );
    }
  }

  /** Something that concerns all modes of the drill. */
  fail(problem: string): void {
    for (const { id } of this.#drill.modes) this.#note(id, [problem]);
  }

  #note(id: string, problems: readonly string[]): void {
    this.#problems.get(id)?.push(...problems);
  }
}

/** Causes the modes of a drill, checks what their pages and boards show, recovers and heals. Never rejects. */
export async function runDrill(stage: Stage, drill: Drill): Promise<DrillReport> {
  const running = new Running(stage, drill);
  const timed = async (step: () => Promise<void>): Promise<number> => {
    const begun = performance.now();
    await step().catch((error: unknown) => running.fail(`${drillName(drill)}: ${messageOf(error)}`));
    return Math.round((performance.now() - begun) / 100) / 10;
  };
  const cause = await timed(() => running.cause());
  const pages = await timed(() => running.pages());
  const recovery = await timed(() => running.recover());
  await running.heal();
  return { drill, problems: running.problems, seconds: { cause, pages, recovery } };
}
