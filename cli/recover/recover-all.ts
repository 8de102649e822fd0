import { setTimeout as delay } from "node:timers/promises";
import { modes } from "../../catalog/modes.ts";
import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { activeAlerts } from "../../core/prometheus.ts";
import { Probes } from "../../exporters/probes.ts";
import { platformStatus } from "../../exporters/status.ts";
import { executePlan, preparePlan } from "../../recovery/engine.ts";
import { ownOptions } from "../../recovery/own-options.ts";
import { loadRecovery } from "../../recovery/recoveries.ts";
import type { Plan, RecoveryContext } from "../../recovery/recovery.ts";
import { drilledDuration } from "../../runbooks/drilled-duration.ts";
import { configFlag } from "../options.ts";
import { aligned, print, printJson, reportError, styled } from "../output.ts";
import { type RecoverSession, recoverSession } from "./recover-session.ts";
import { type ActOptions, runSettings } from "./recovery-options.ts";
import { plainPlan, showPlan } from "./show-plan.ts";

/** What became of one recovery. */
interface Outcome {
  readonly recovery: RecoveryName;
  readonly because: readonly string[];
  /** `planned` also for one that can be planned in detail only after the one before it. */
  readonly status: "planned" | "nothing_to_do" | "done" | "verification_failed" | "failed" | "skipped";
  readonly plan?: unknown;
  readonly run?: string;
  readonly error?: RedisopsError;
}

/** How long Prometheus may take to see what a recovery has done, and how often it is asked, in milliseconds. */
const scrapes = { wait: 180_000, interval: 3_000 };
const prometheusDeadline = 5_000;

/** A drain delivers nothing while nobody is found, so it comes after the registry is filled. */
const followers: Readonly<Partial<Record<RecoveryName, RecoveryName>>> = { registry: "pending" };

const names = Object.keys(recoveryRoles) as RecoveryName[];

/** A mode that holds, with the command that ends it. */
interface HeldMode {
  readonly id: string;
  readonly command: string | undefined;
}

/**
 * Modes that a look at the servers cannot judge, such as RegistryCold: they take what the applications report to
 * Prometheus, so its alerts tell whether they hold.
 */
async function heldByAlerts(
  { prometheus }: Config,
  onWarning: (message: string) => void,
): Promise<readonly HeldMode[]> {
  const reported = modes.filter(({ signal }) => signal.kind !== "threshold");
  const known = reported.flatMap(({ id, remedy }) =>
    remedy.kind === "command" ? [{ id, command: remedy.command }] : [],
  );
  const unknown = (why: string) => {
    onWarning(`${why}; whether ${known.map(({ id }) => id).join(" or ")} holds is not known`);
    return [];
  };
  if (prometheus === undefined) return unknown("redisops.yaml has no prometheus.url");
  try {
    const alerts = await activeAlerts(prometheus.url, prometheusDeadline);
    return known.filter(({ id }) => alerts.some(({ labels }) => labels.alertname === id));
  } catch (error) {
    return unknown(messageOf(error));
  }
}

/**
 * Which recoveries the modes that hold call for, in the order in which they are safe: numbers must be right before they are
 * given out, users must be found before their messages are handed over.
 */
export function neededRecoveries(
  held: readonly HeldMode[],
  possible: (name: RecoveryName) => boolean,
): Map<RecoveryName, string[]> {
  const needed = new Map<RecoveryName, string[]>();
  for (const name of names) {
    const calling = held.filter(({ command }) => command?.split(" ")[2] === name).map(({ id }) => id);
    if (calling.length > 0) needed.set(name, calling);
  }
  for (const [first, next] of Object.entries(followers) as [RecoveryName, RecoveryName][]) {
    if (needed.has(first) && !needed.has(next) && possible(next)) needed.set(next, [`after ${first}`]);
  }
  return new Map([...needed].sort(([a], [b]) => names.indexOf(a) - names.indexOf(b)));
}

/** Whether the plan is refused for nothing but what the recovery before it is for. */
const waitsFor = (plan: Plan, before: Outcome | undefined) =>
  before?.recovery === "registry" && plan.refusal?.code === "REGISTRY_COLD";

/** A plan; where Prometheus does not know yet what the recovery before has done, as soon as it does. */
async function preparedAfter(name: RecoveryName, context: RecoveryContext, before: Outcome | undefined) {
  const end = performance.now() + (before?.status === "done" ? scrapes.wait : 0);
  for (let look = 1; ; look += 1) {
    const prepared = await preparePlan(await loadRecovery(name), context, drilledDuration(name));
    if (!waitsFor(prepared.plan, before) || performance.now() >= end) return prepared;
    if (look === 1) context.onWarning("waits until Prometheus has seen the new entries, 3 minutes at most");
    await delay(scrapes.interval, undefined, { signal: context.signal }).catch(() => undefined);
    context.signal.throwIfAborted();
  }
}

async function recoverOne(
  name: RecoveryName,
  because: readonly string[],
  before: Outcome | undefined,
  session: RecoverSession,
  options: ActOptions & { readonly execute: boolean },
): Promise<Outcome> {
  const recovery = await loadRecovery(name);
  const context = session.context(ownOptions(name, {}));
  const about = { recovery: name, because };
  try {
    const { plan, pins, duration } = await preparedAfter(name, context, before);
    const planned = { ...about, plan: plainPlan({ plan, duration }) };
    if (!options.json) showPlan(name, plan, duration);
    if (waitsFor(plan, before) && !options.execute) {
      if (!options.json) print("It is looked at again when the registry has been filled.");
      return { ...planned, status: "planned" };
    }
    if (plan.refusal !== undefined) return { ...planned, status: "failed", error: plan.refusal };
    if (!plan.hasChanges) {
      if (!options.json) print("Nothing to do.");
      return { ...planned, status: "nothing_to_do" };
    }
    if (!options.execute) return { ...planned, status: "planned" };
    const report = await executePlan(recovery, context, plan, runSettings(options), pins);
    const { holds, facts } = report.verification;
    if (!options.json) {
      print(
        styled(
          "bold",
          `Done in ${report.seconds.toFixed(1)} s. Verification ${holds ? "holds" : "does not hold"}:`,
        ),
      );
      for (const line of aligned(facts)) print(line);
    }
    if (holds) return { ...planned, status: "done", run: report.run };
    const error = new RedisopsError(
      "VERIFICATION_FAILED",
      `recover ${name} was carried out, and its verification does not hold`,
    );
    return { ...planned, status: "verification_failed", run: report.run, error };
  } catch (error) {
    return { ...about, status: "failed", error: toRedisopsError(error) };
  }
}

/** `redisops recover all`. What fails does not keep the others from being carried out. Returns the exit code. */
export async function recoverAll(options: ActOptions & { readonly execute: boolean }): Promise<number> {
  const session = await recoverSession(options);
  const { config } = session;
  try {
    const [results, reported] = await Promise.all([
      new Probes(config).run(),
      heldByAlerts(config, session.onWarning),
    ]);
    const rows = platformStatus(results, config.thresholds, [], Date.now());
    const held = [...rows.flatMap((row) => row.modes), ...reported];
    const canDrain =
      config.postgres?.tables.pending_deliveries !== undefined &&
      config.recovery.pending.delivery !== undefined;
    const needed = neededRecoveries(held, () => canDrain);
    const outcomes: Outcome[] = [];
    for (const [name, because] of needed) {
      if (!options.json) print(styled("bold", `\n${name}: ${because.join(", ")}`));
      const registry = outcomes.find(({ recovery }) => recovery === "registry");
      const outcome: Outcome =
        name === "pending" && registry?.error !== undefined
          ? { recovery: name, because, status: "skipped" }
          : await recoverOne(name, because, outcomes.at(-1), session, options);
      outcomes.push(outcome);
      if (!options.json && outcome.error !== undefined) reportError(outcome.error, false);
      if (!options.json && outcome.status === "skipped")
        print("Skipped: nobody would be found in the registry.");
      if (outcome.error?.code === "INTERRUPTED") break;
    }
    if (options.json) {
      const shown = outcomes.map(({ error, ...rest }) => ({
        ...rest,
        ...(error && { error: error.toJSON() }),
      }));
      printJson({ platform: config.platform, recoveries: shown });
    } else conclude(outcomes, options);
    const failed = outcomes.find(({ error }) => error !== undefined);
    if (failed?.error !== undefined) return failed.error.exitCode;
    return outcomes.some(({ status }) => status === "planned") ? exitCodes.planHasChanges : exitCodes.done;
  } finally {
    session.release();
  }
}

function conclude(outcomes: readonly Outcome[], options: ActOptions): void {
  if (outcomes.length === 0)
    print("Nothing that a recovery would end holds at the moment: redisops status shows all modes.");
  if (!outcomes.some(({ status }) => status === "planned")) return;
  print(
    styled(
      "bold",
      `\nNothing was changed. To carry it out in this order: redisops recover all --execute${configFlag(options)}`,
    ),
  );
}
