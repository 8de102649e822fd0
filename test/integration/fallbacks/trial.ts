import { Registry } from "prom-client";
import { expect } from "vitest";
import { type ErrorClass, errorClasses } from "../../../catalog/error-class.ts";
import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import { waitUntil } from "../../../lab/wait.ts";
import type { Workspace } from "../../../lab/workspace.ts";
import { patience } from "../../fixtures/processes.ts";
import { MetricsPage } from "../exporter-page.ts";
import { databases } from "./databases.ts";
import type { OpenSubject, Subject, Verdict } from "./subject.ts";
import { subjects } from "./subjects.ts";

/** Decisions that are made at the same time, each about another key. */
export const everyKey: readonly number[] = Array.from({ length: 40 }, (_, n) => n);

/** Long enough for a healthy server on a busy machine, short beside the deadlines of the tests. */
const deadlineMs = 500;

type Failures = Readonly<Record<ErrorClass, number>>;

/** One role's client under one fault after the other, with what it counts. */
export interface Trial {
  readonly subject: Subject;
  /** Makes decisions about all the keys at once. */
  decide(keys?: readonly number[]): Promise<Verdict[]>;
  page(): Promise<MetricsPage>;
  /** What the store has failed with until now. */
  failures(): Promise<Failures>;
  breakersOpen(): Promise<number>;
}

/** How {@link openTrials} opens the clients. */
export interface TrialOptions {
  /** Milliseconds that a decision waits; 500 unless given. */
  readonly deadlineMs?: number;
}

/** Opens the client of every role that works on the topology, each with a metrics registry of its own. */
export async function openTrials(
  workspace: Workspace,
  connection: RedisConnectionConfig,
  options: TrialOptions = {},
): Promise<Trial[]> {
  const postgres = databases(workspace);
  const fitting = subjects.filter(({ topologies }) => topologies.includes(connection.topology));
  const trials: Trial[] = [];
  for (const subject of fitting) {
    const metrics = new Registry();
    const guard = { deadlineMs: options.deadlineMs ?? deadlineMs, metrics };
    const open = await subject.open({ connection, guard, postgres: () => postgres(subject.role) });
    workspace.register({ name: `${subject.role}'s client`, stop: () => open.close() });
    expect(await open.ready(patience)).toBe(true);
    trials.push(trialOf(subject, open, metrics));
  }
  return trials;
}

function trialOf(subject: Subject, open: OpenSubject, metrics: Registry): Trial {
  const page = async () => new MetricsPage(await metrics.metrics());
  const { role } = subject;
  return {
    subject,
    decide: (keys = everyKey) => Promise.all(keys.map((n) => open.decide(n))),
    page,
    async failures() {
      const now = await page();
      const count = (error_class: string) =>
        now.value("redisops_store_failures_total", { role, error_class }) ?? Number.NaN;
      return Object.fromEntries(errorClasses.map((each) => [each, count(each)])) as Failures;
    },
    breakersOpen: async () => (await page()).value("redisops_breakers_open", { role }) ?? Number.NaN,
  };
}

/** Waits until all decisions are made by the store again and no server is avoided any more. */
export async function expectNormal(trials: readonly Trial[]): Promise<void> {
  for (const trial of trials) {
    const well = async () =>
      (await trial.decide()).every((verdict) => verdict === "normal") && (await trial.breakersOpen()) === 0;
    await waitUntil(well, { what: `${trial.subject.role} to be back to normal`, deadlineMs: patience });
  }
}

/** How a fault shows. */
export interface Symptom {
  /** The class that the store's failures are counted under. */
  readonly errorClass: ErrorClass;
  /** Classes that may occur besides, at the moment when the fault begins, say. */
  readonly besides?: readonly ErrorClass[];
  /** The keys that are affected; all unless given. */
  readonly keys?: readonly number[];
}

/**
 * Brings a fault about, and expects of every role while it holds: no decision about an affected key is made by the store,
 * all others are; the failures are counted under the right class and no other; the breaker opens. The roles are looked at
 * at the same time, as a failover may end the fault soon. `symptom` may differ from role to role.
 */
export async function expectDegraded(
  trials: readonly Trial[],
  symptom: Symptom | ((trial: Trial) => Symptom),
  inject: () => Promise<void>,
): Promise<void> {
  const before = await Promise.all(trials.map((trial) => trial.failures()));
  await inject();
  await Promise.all(
    trials.map((trial, index) =>
      expectSymptom(trial, typeof symptom === "function" ? symptom(trial) : symptom, before[index]),
    ),
  );
}

async function expectSymptom(trial: Trial, symptom: Symptom, before: Failures | undefined): Promise<void> {
  const { role } = trial.subject;
  const affected = symptom.keys ?? everyKey;
  const others = everyKey.filter((n) => !affected.includes(n));
  const grown = async () => {
    const now = await trial.failures();
    return errorClasses.filter((each) => now[each] > (before?.[each] ?? 0));
  };
  const verdicts = new Set<Verdict>();
  const shows = async () => {
    for (const verdict of await trial.decide(affected)) verdicts.add(verdict);
    return (await grown()).includes(symptom.errorClass) && (await trial.breakersOpen()) > 0;
  };
  await waitUntil(shows, { what: `${role} to fail with ${symptom.errorClass}`, deadlineMs: patience });
  expect([...verdicts], role).toEqual(["degraded"]);
  expect(await grown(), role).toSatisfy((classes: ErrorClass[]) =>
    classes.every((each) => each === symptom.errorClass || symptom.besides?.includes(each)),
  );
  expect(await trial.decide(others), role).toEqual(others.map(() => "normal"));
}
