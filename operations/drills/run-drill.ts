import type { DegradationMode } from "../../catalog/mode.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf } from "../../core/errors.ts";
import type { WatchedAlert } from "./alert-watch.ts";
import type { DrillContext } from "./context.ts";
import { readDecisions } from "./decisions.ts";
import { type Drill, drillName } from "./drill.ts";
import { DrillLog } from "./drill-log.ts";
import { type DrillResult, undone } from "./drill-result.ts";
import { bookProblems, isModeAlert, notificationOf } from "./expectations.ts";
import { drillResult, type Measured } from "./measured.ts";
import type { CausedFault, CommandOutcome, DrillBooks } from "./target.ts";
import { untilSeen } from "./wait.ts";

/** Longest time for a steady state, for alerts to fire and for them to end, in milliseconds. */
const patience = 150_000;
/** The heartbeat is told every minute; later than this it is missing, in milliseconds. */
const heartbeatEvery = 65_000;

const ids = (modes: readonly DegradationMode[]) => modes.map(({ id }) => id).join(", ");

/** Exit codes that say nothing against a command: a plan may announce changes. */
const fine = {
  plan: [exitCodes.done, exitCodes.planHasChanges] as number[],
  execute: [exitCodes.done] as number[],
};

/** One drill under way. */
class DrillRun {
  readonly #context: DrillContext;
  readonly #drill: Drill;
  readonly #name: string;
  readonly #log: DrillLog;
  readonly #held: { readonly fault: CausedFault; readonly words: string }[] = [];
  readonly #measured: Measured = {};
  #before: DrillBooks | undefined;

  constructor(context: DrillContext, drill: Drill) {
    this.#context = context;
    this.#drill = drill;
    this.#name = drillName(drill);
    this.#log = new DrillLog((event) => {
      context.journal.note({ event: "phase", drill: this.#name, phase: event.phase, what: event.what });
      context.onEvent?.(drill, event);
    });
  }

  /** All of it. Never rejects: what goes wrong is a problem of the result. */
  async run(): Promise<DrillResult> {
    const log = this.#log;
    try {
      await this.#steady("steady");
      this.#before = this.#measured.before;
      await this.#fault();
      await this.#detect();
      await this.#recover();
      await this.#context.target.settle?.(this.#drill);
      await this.#steady("steady-again");
    } catch (error) {
      log.fail(this.#aborted ? `interrupted during ${log.phase}` : `${log.phase}: ${messageOf(error)}`);
    } finally {
      if (this.#held.length > 0) {
        log.say("rollback", "undoing what still holds");
        await this.#undo();
      }
    }
    return this.#conclude();
  }

  get #aborted(): boolean {
    return this.#context.signal?.aborted === true;
  }

  #until(condition: () => boolean | Promise<boolean>): Promise<boolean> {
    const deadline = this.#context.target.patience?.(this.#drill) ?? patience;
    return untilSeen(this.#context.watch, condition, deadline, this.#context.signal);
  }

  /** Alerts of modes that this drill's faults may have brought about, as of the last look; undefined without a look. */
  #alertsNow() {
    const { watch, target } = this.#context;
    return watch.current?.active.filter(
      ({ labels }) => isModeAlert(labels.alertname ?? "") && target.concerns(this.#drill, labels),
    );
  }

  async #steady(phase: "steady" | "steady-again"): Promise<void> {
    const { target, watch } = this.#context;
    let why = "Prometheus and Alertmanager do not answer";
    let books: DrillBooks | undefined;
    const calm = async () => {
      const alerts = this.#alertsNow();
      if (alerts === undefined) return false;
      const held = watch.current?.held.filter(
        ({ labels }) => isModeAlert(labels.alertname ?? "") && target.concerns(this.#drill, labels),
      );
      const loud = [...new Set([...alerts, ...(held ?? [])].map(({ labels }) => labels.alertname))];
      why = `${loud.join(", ")} ${loud.length === 1 ? "is" : "are"} there`;
      if (loud.length > 0) return false;
      why = "the dead man’s switch does not hear the heartbeat";
      if (this.#drill.modes.some(({ nature }) => nature === "heartbeat") && !this.#heartbeatHeard())
        return false;
      const missing = await target.notReady?.(this.#drill);
      why = missing ?? why;
      if (missing !== undefined) return false;
      books = await target.books(this.#drill);
      why = "the books cannot be had";
      if (books === undefined) return false;
      const problems = bookProblems(this.#before ?? books, books);
      why = problems.join("; ");
      return problems.length === 0;
    };
    const reached = await this.#until(calm);
    this.#measured[phase === "steady" ? "before" : "after"] = books;
    if (reached) this.#log.say(phase, "no alert of a mode, and the books are right");
    else if (phase === "steady") throw new Error(`the target is not in its steady state: ${why}`);
    else this.#log.fail(`no steady state afterwards: ${why}`);
  }

  async #fault(): Promise<void> {
    const { target, journal, signal } = this.#context;
    this.#measured.fault = this.#log.now;
    for (const { what, byHand, cause } of target.faultsOf(this.#drill)) {
      signal?.throwIfAborted();
      journal.append({ event: "fault", drill: this.#name, what, byHand });
      const fault = await cause();
      this.#held.unshift({ fault, words: what });
      journal.note({ event: "caused", drill: this.#name, what: fault.what });
      this.#log.say("fault", fault.what);
    }
  }

  /** The alerts of a mode that fire now and that this drill is about. */
  #firing(mode: DegradationMode) {
    return this.#alertsNow()?.filter(
      ({ labels, state }) => labels.alertname === mode.id && state === "firing",
    );
  }

  /** Whether somebody was told of a mode, or Alertmanager holds it back because of what causes it. */
  #told(mode: DegradationMode): boolean {
    const { watch, target } = this.#context;
    if (!watch.seesNotifications || mode.severity === "none") return true;
    const notifications = target.notifications();
    const since = this.#log.startedAt + (this.#measured.fault ?? 0);
    return this.#watched().some((alert: WatchedAlert) => {
      if (alert.alert !== mode.id) return false;
      if (alert.held.some(({ inhibited, to }) => inhibited && to >= since)) return true;
      if (notifications === undefined) return alert.held.some(({ to }) => to >= since);
      return notificationOf(alert, since, notifications) !== undefined;
    });
  }

  #watched(): WatchedAlert[] {
    const { watch, target } = this.#context;
    const { fault } = this.#measured;
    if (fault === undefined) return [];
    return watch
      .since(this.#log.startedAt + fault)
      .filter(({ alert, labels }) => isModeAlert(alert) && target.concerns(this.#drill, labels));
  }

  /** Whether the dead man's switch has heard of the heartbeat as lately as it should. */
  #heartbeatHeard(): boolean {
    const beats = this.#context.target.notifications()?.filter(({ receiver }) => receiver === "watchdog");
    return Date.now() - (beats?.at(-1)?.receivedAt ?? 0) <= heartbeatEvery;
  }

  async #detect(): Promise<void> {
    const alerts = this.#drill.modes.filter(({ nature }) => nature !== "heartbeat");
    const log = this.#log;
    log.say("detect", `waiting for ${ids(this.#drill.modes)}`);
    const missing = new Set(this.#drill.modes);
    const untold = new Set(alerts);
    await this.#until(() => {
      const firing = alerts.filter((mode) => (this.#firing(mode)?.length ?? 0) > 0);
      const silent = alerts.length < this.#drill.modes.length && !this.#heartbeatHeard();
      for (const mode of silent ? this.#drill.modes : firing) missing.delete(mode);
      for (const mode of untold) if (this.#told(mode)) untold.delete(mode);
      return missing.size === 0 && untold.size === 0 && firing.length === alerts.length;
    });
    this.#measured.detected = missing.size === 0 ? log.now : undefined;
    for (const { id, nature } of missing) {
      log.fail(
        nature === "heartbeat"
          ? `${id}: the dead man’s switch still hears it`
          : `${id}: its alert does not fire after ${this.#name}`,
      );
    }
    for (const mode of untold) {
      if (!missing.has(mode)) log.fail(`${mode.id}: its alert fires and Alertmanager tells nobody`);
    }
    if (missing.size === 0) log.say("detect", `${ids(this.#drill.modes)}: detected`);
    log.fail(...((await this.#context.hooks?.held?.(this.#drill)) ?? []));
  }

  /** A remedy that needs something first has it done by the undoing; every other one is tried while the fault holds. */
  async #recover(): Promise<void> {
    this.#measured.recovering = this.#log.now;
    const remedies = this.#drill.modes.filter(({ remedy }) => remedy.kind === "command");
    const tried = remedies.filter(({ remedy }) => remedy.kind === "command" && remedy.first === undefined);
    await this.#remedy(tried);
    await this.#undo();
    await this.#remedy(remedies.filter((mode) => !tried.includes(mode)));
    const { modes } = this.#drill;
    const over = await this.#untilOver(modes, "after the remedy and the undoing");
    this.#measured.recovered = over ? this.#log.now : undefined;
    if (over) this.#log.say("resolved", `${ids(modes)}: over, in Prometheus and in Alertmanager`);
  }

  async #untilOver(modes: readonly DegradationMode[], when: string): Promise<boolean> {
    let left: readonly DegradationMode[] = modes;
    const over = await this.#until(() => {
      const now = this.#alertsNow();
      if (now === undefined) return false;
      const { watch, target } = this.#context;
      const held = watch.current?.held.filter(({ labels }) => target.concerns(this.#drill, labels)) ?? [];
      left = modes.filter(({ id, nature }) =>
        nature === "heartbeat"
          ? !this.#heartbeatHeard()
          : [...now, ...held].some(({ labels }) => labels.alertname === id),
      );
      return left.length === 0;
    });
    for (const { id } of left) this.#log.fail(`${id}: its alert is not over ${when}`);
    return over;
  }

  async #remedy(modes: readonly DegradationMode[]): Promise<void> {
    if (modes.length === 0) return;
    for (const mode of modes) await this.#command(mode, "plan");
    const worked: DegradationMode[] = [];
    for (const mode of modes) if (await this.#command(mode, "execute")) worked.push(mode);
    await this.#untilOver(worked, "after its own remedy");
  }

  /** Runs a mode's plan or remedy. Answers whether nothing was wrong with it. */
  async #command(mode: DegradationMode, part: "plan" | "execute"): Promise<boolean> {
    if (mode.remedy.kind !== "command") return true;
    this.#context.signal?.throwIfAborted();
    const { journal, hooks } = this.#context;
    const command = part === "plan" ? mode.remedy.command : `${mode.remedy.command} --execute`;
    const known = this.#log.recoveries.some((recovery) => recovery.command === command);
    if (known && hooks?.remedy === undefined) return true;
    journal.append({ event: "command", drill: this.#name, command });
    if (part === "execute") this.#log.say("recover", command);
    const from = this.#log.now;
    const { code, problem } = await (hooks?.remedy?.(mode, part) ?? this.#runCommand(mode, part, command));
    journal.note({ event: "command_ended", drill: this.#name, command, code });
    if (part === "execute" && !known) {
      this.#log.recoveries.push({ command, from, to: this.#log.now, exitCode: code ?? -1 });
    }
    if (problem !== undefined) this.#log.fail(problem);
    return problem === undefined;
  }

  async #runCommand(mode: DegradationMode, part: "plan" | "execute", command: string) {
    const { code, output }: CommandOutcome = await this.#context.target.run(command, this.#context.signal);
    const ok = code !== null && fine[part].includes(code);
    return {
      code,
      problem: ok ? undefined : `${mode.id}: \`${command}\` exits ${code}; it printed:\n${output}`,
    };
  }

  async #undo(): Promise<void> {
    const { journal } = this.#context;
    for (const { fault, words } of this.#held.splice(0)) {
      journal.note({ event: "undo", drill: this.#name, what: words });
      try {
        await fault.undo();
        journal.note({ event: "undone", drill: this.#name, what: words });
        this.#log.say(this.#log.phase === "rollback" ? "rollback" : "recover", `${undone}${words}`);
      } catch (error) {
        journal.note({ event: "not_undone", drill: this.#name, what: words, why: messageOf(error) });
        this.#log.fail(`${words} is not undone: ${messageOf(error)}`);
      }
    }
  }

  async #conclude(): Promise<DrillResult> {
    const { target } = this.#context;
    const { fault } = this.#measured;
    const decisions =
      fault === undefined
        ? undefined
        : await readDecisions(target, this.#drill, {
            from: this.#log.startedAt,
            fault: this.#log.startedAt + fault,
            to: Date.now(),
          }).catch(
            (error: unknown) => void this.#log.fail(`its decisions are not known: ${messageOf(error)}`),
          );
    return drillResult(this.#context, this.#drill, this.#log, this.#measured, this.#watched(), decisions);
  }
}

/** Runs a drill: causes its modes, sees them detected and told, recovers, and holds all of it against the catalog. Never rejects. */
export async function runDrill(context: DrillContext, drill: Drill): Promise<DrillResult> {
  const name = drillName(drill);
  const result = await new DrillRun(context, drill).run();
  const { passed, problems } = result;
  context.journal.note({ event: "drill_ended", drill: name, passed, problems });
  return result;
}
