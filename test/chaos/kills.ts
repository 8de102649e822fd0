import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../core/seeded-random.ts";
import { lockLease } from "../../recovery/lock/role-lock.ts";
import { readJournal } from "../../recovery/run/journal.ts";
import { readRun } from "../../recovery/run/run-state.ts";
import { patience } from "../fixtures/processes.ts";
import { type Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";
import { chaosPlan } from "./plan.ts";
import { type World, worldName } from "./world.ts";

/** Processes of one run that are killed at most, so that it ends. */
const killsPerRun = 4;
/** Milliseconds between two looks at the journal. */
const lookEvery = 2;

/** When a process is killed: so long after its start, or after the journal had so many lines. */
interface Moment {
  readonly lines: number;
  readonly afterMs: number;
}

/** How an undisturbed run went: its milliseconds, those until its journal began, and the journal's lines. */
interface Measure {
  readonly wholeMs: number;
  readonly beginsMs: number;
  readonly lines: number;
}

/** Runs of one world, with processes that are killed in between. */
class Trials {
  readonly #world: World;
  readonly #random: () => number;
  readonly phases = new Map<string, number>();
  kills = 0;
  trials = 0;

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  #runsFolder = () => join(this.#world.stateDir, "runs");

  /** The one run that there is since the world was set back; undefined before its journal begins. */
  #run(): string | undefined {
    try {
      const [name] = readdirSync(this.#runsFolder()).filter((each) => each.endsWith(".jsonl"));
      return name?.slice(0, -".jsonl".length);
    } catch {
      return undefined;
    }
  }

  #lines(): number {
    const run = this.#run();
    if (run === undefined) return 0;
    return readFileSync(join(this.#runsFolder(), `${run}.jsonl`), "utf8").split("\n").length - 1;
  }

  #start(resume?: string): RedisopsChild {
    const { recovery, options = [], configFile, env } = this.#world;
    const words = resume === undefined ? [recovery, "--execute", ...options] : ["resume", resume];
    return new RedisopsChild(["recover", ...words, "--config", configFile, "--json"], env);
  }

  async reset(): Promise<void> {
    await rm(this.#world.stateDir, { recursive: true, force: true });
    await this.#world.admin.query(
      `DO $$ DECLARE name text; BEGIN
         FOR name IN SELECT tablename FROM pg_tables WHERE tablename LIKE 'redisops%' LOOP
           EXECUTE format('TRUNCATE %I', name);
         END LOOP; END $$`,
    );
    await this.#world.reset();
  }

  /** Lets the lock's lease run out: as if the time had passed. */
  async #expireLease(): Promise<void> {
    const { admin } = this.#world;
    const { rows } = await admin.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'heartbeat_at' AND table_name ~ '_(locks|chunks)$'",
    );
    for (const { name } of rows) {
      await admin.query(`UPDATE ${name} SET heartbeat_at = heartbeat_at - $1 * interval '1 millisecond'`, [
        lockLease + 1_000,
      ]);
    }
  }

  async measure(): Promise<Measure> {
    await this.reset();
    const began = performance.now();
    let beginsMs: number | undefined;
    const child = this.#start();
    while (child.running) {
      if (beginsMs === undefined && this.#lines() > 0) beginsMs = performance.now() - began;
      await delay(lookEvery);
    }
    this.#requireDone(await child.outcome);
    const wholeMs = performance.now() - began;
    return { wholeMs, beginsMs: beginsMs ?? wholeMs, lines: this.#lines() };
  }

  #requireDone({ code, stdout, stderr }: Outcome): void {
    expect(code, `${worldName(this.#world)}: ${stdout}\n${stderr}`).toBe(0);
  }

  /** At any time of the process, of the work, or close to a line of its journal. */
  #moment({ wholeMs, beginsMs, lines }: Measure, resumed: boolean): Moment {
    const kind = this.#random();
    const part = this.#random();
    if (kind < 0.2) return { lines: 0, afterMs: part * wholeMs };
    const known = resumed ? this.#lines() : 0;
    if (kind < 0.7) return { lines: known + 1, afterMs: part * (wholeMs - beginsMs) };
    return { lines: known + 1 + Math.floor(part * lines), afterMs: this.#random() * 30 };
  }

  /** Kills a process at a moment. Answers false where it ends before that. */
  async #killAt(child: RedisopsChild, { lines, afterMs }: Moment): Promise<boolean> {
    while (child.running && this.#lines() < lines) await delay(lookEvery);
    const until = performance.now() + afterMs;
    while (child.running && performance.now() < until) await delay(Math.min(lookEvery, afterMs));
    if (!child.running) return false;
    child.kill("SIGKILL");
    const { code } = await child.outcome;
    return code === null;
  }

  #note(): void {
    this.kills += 1;
    const run = this.#run();
    const last = run === undefined ? undefined : readJournal(this.#runsFolder(), run)?.at(-1);
    const phase =
      last === undefined
        ? "before the run"
        : "step" in last
          ? `${last.event === "step_started" ? "in" : "after"} ${last.step.replace(/\d+/g, "n").slice(0, 30)}`
          : last.event;
    this.phases.set(phase, (this.phases.get(phase) ?? 0) + 1);
  }

  /** One run, resumed until it has ended. */
  async run(measure: Measure, enough: number): Promise<void> {
    this.trials += 1;
    let resume: string | undefined;
    for (let killed = 0; ; killed += 1) {
      const child = this.#start(resume);
      const last = killed >= killsPerRun || this.kills >= enough || (killed > 0 && this.#random() < 0.3);
      if (last || !(await this.#killAt(child, this.#moment(measure, resume !== undefined)))) {
        const outcome = await child.outcome;
        if (outcome.code === 0) return;
        if (resume === undefined || !this.#refusedForGoodReason(outcome, resume)) this.#requireDone(outcome);
        if (this.#succeeded(resume)) return;
        resume = undefined;
        continue;
      }
      this.#note();
      await this.#expireLease();
      resume = this.#run();
    }
  }

  #succeeded(run: string | undefined): boolean {
    if (run === undefined) return false;
    try {
      return readRun(run, readJournal(this.#runsFolder(), run) ?? []).state === "succeeded";
    } catch {
      return false;
    }
  }

  /** It was killed after its last word, or before its first. */
  #refusedForGoodReason({ stderr, stdout }: Outcome, run: string): boolean {
    const said = `${stdout}${stderr}`;
    if (said.includes("RUN_FINISHED")) return this.#succeeded(run);
    if (!said.includes("RUN_UNKNOWN")) return false;
    return (readJournal(this.#runsFolder(), run) ?? []).length === 0;
  }
}

/**
 * Kills the processes of a recovery at random moments, resumes the run each time, and compares what is there in the end
 * with what an undisturbed run leaves. Skipped where the machine lacks something that the world needs.
 */
export function describeKills(name: string, open: () => Promise<World>, isPossible = true): void {
  describe.skipIf(!isPossible)(`recover ${name}, killed at random moments and resumed`, () => {
    const { seed, killsEach } = chaosPlan();
    const random = seededRandom(seed ^ [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7));
    let world: World;

    beforeAll(async () => {
      world = await open();
    }, 4 * patience);

    afterAll(() => world?.close(), patience);

    test(`ends as an undisturbed run does: ${killsEach} kills with seed ${seed}`, {
      timeout: 2 * patience + killsEach * 60_000,
    }, async () => {
      const trials = new Trials(world, random);
      // Twice, as the first process of a machine may take far longer than all others.
      await trials.measure();
      const measure = await trials.measure();
      const expected = await world.state();
      expect(await world.problems()).toEqual([]);
      while (trials.kills < killsEach) {
        const traffic = new AbortController();
        const busy = world.traffic !== undefined && trials.trials % 2 === 1;
        const told = `REDISOPS_CHAOS_SEED=${seed}, run ${trials.trials + 1}${busy ? " under traffic" : ""}`;
        await trials.reset();
        const meanwhile = busy ? world.traffic?.(traffic.signal) : undefined;
        await Promise.all([meanwhile, trials.run(measure, killsEach).finally(() => traffic.abort())]);
        expect(await world.problems(), told).toEqual([]);
        if (!busy) expect(await world.state(), told).toEqual(expected);
      }
      const phases = [...trials.phases].map(([phase, count]) => `${phase} ${count}`).join(", ");
      const figures = Object.entries(world.figures?.() ?? {}).map(([what, value]) => `, ${what} ${value}`);
      process.stderr.write(
        `${worldName(world)}: seed ${seed}, ${trials.kills} kills in ${trials.trials} runs of ${(measure.wholeMs / 1000).toFixed(1)} s (${phases})${figures.join("")}\n`,
      );
    });
  });
}
