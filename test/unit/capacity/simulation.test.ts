import { describe, expect, test } from "vitest";
import { exponential, seededRandom } from "../../../core/seeded-random.ts";
import { keptShare, raise } from "../../../fallbacks/providers/adaptive-limit.ts";
import {
  drainSeconds,
  sawtooth,
  secondsToWarm,
  servedAtMost,
  turnedAway,
} from "../../../operations/capacity/closed-forms.ts";
import { Agenda } from "../../../operations/capacity/simulation/agenda.ts";
import { simulatePending } from "../../../operations/capacity/simulation/pending.ts";
import {
  type PreferencesScenario,
  simulatePreferences,
} from "../../../operations/capacity/simulation/preferences.ts";
import {
  type ProvidersScenario,
  simulateProviders,
} from "../../../operations/capacity/simulation/providers.ts";
import { SharedServer } from "../../../operations/capacity/simulation/shared-server.ts";

/** Nobody is late and nothing is cut off, so that only the queue decides. */
const patient = { deadlineMs: 1e9, breaker: { failureThreshold: 1e9 } };

function defaultedShare(scenario: PreferencesScenario): number {
  const points = simulatePreferences(scenario).slice(2);
  const sum = (of: "byDefault" | "byPostgres") => points.reduce((total, point) => total + point[of], 0);
  return sum("byDefault") / (sum("byDefault") + sum("byPostgres"));
}

describe("the agenda", () => {
  test("runs what is due in the order of time, then of asking, and keeps the clock", () => {
    const agenda = new Agenda();
    const seen: string[] = [];
    for (const [at, name] of [
      [5, "c"],
      [1, "a"],
      [5, "d"],
      [3, "b"],
      [9, "late"],
    ] as const) {
      agenda.in(at, () => {
        expect(agenda.now).toBe(at);
        seen.push(name);
      });
    }
    agenda.runUntil(9);
    expect(seen).toEqual(["a", "b", "c", "d"]);
    expect(agenda.now).toBe(9);
  });
});

describe("the simulated Postgres", () => {
  test("shares itself evenly: its mean response is that of M/M/1 processor sharing", () => {
    const random = seededRandom(3);
    const agenda = new Agenda();
    const server = new SharedServer(agenda, { parallel: 1 });
    const [mean, load] = [10, 0.6];
    let total = 0;
    let done = 0;
    const arrive = () => {
      agenda.in(exponential(mean / load, random), arrive);
      const begun = agenda.now;
      server.submit(exponential(mean, random), () => {
        total += agenda.now - begun;
        done += 1;
      });
    };
    arrive();
    agenda.runUntil(1_000_000);
    expect(total / done / (mean / (1 - load))).toBeCloseTo(1, 1);
  });

  test("gives its connections out in the order of asking, and forgets what is cancelled", () => {
    const agenda = new Agenda();
    const server = new SharedServer(agenda, { parallel: 4, connections: 1 });
    const seen: string[] = [];
    const end = (name: string) => () => seen.push(`${name} at ${agenda.now}`);
    server.submit(10, end("a"));
    const cancelRunning = server.submit(10, end("b"));
    const cancelWaiting = server.submit(10, end("c"));
    server.submit(10, end("d"));
    agenda.in(5, cancelWaiting);
    agenda.in(14, cancelRunning);
    agenda.runUntil(100);
    expect(seen).toEqual(["a at 10", "d at 24"]);
  });
});

describe("the simulation agrees with the closed forms", () => {
  test.each([
    { load: 4, queued: 0 },
    { load: 7, queued: 4 },
    { load: 12, queued: 16 },
  ])("for a bulkhead at $load erlangs with $queued places to wait", ({ load, queued }) => {
    const simulated = defaultedShare({
      seed: 11,
      workers: 1,
      notificationsPerSecond: load * 100,
      postgres: { readsPerSecond: 1e6, readMs: 10 },
      bulkhead: { ...patient, maxQueued: queued },
      seconds: 40,
    });
    expect(Math.abs(simulated - turnedAway(load, 8, 8 + queued))).toBeLessThan(0.015);
  });

  test.each([0.5, 2, 20])("for Postgres asked for %f times what it serves", (overload) => {
    const simulated = defaultedShare({
      seed: 5,
      workers: 4,
      notificationsPerSecond: 2_000 * overload,
      postgres: { readsPerSecond: 2_000, readMs: 1 },
      bulkhead: patient,
      seconds: 6,
    });
    expect(Math.abs(1 - simulated - servedAtMost(overload, 1))).toBeLessThan(0.02);
  });

  test("for a cache that fills: at Postgres's pace at first, then with the misses", () => {
    const [users, load, capacity] = [10_000, 5_000, 1_500];
    const points = simulatePreferences({
      seed: 8,
      workers: 2,
      notificationsPerSecond: load,
      postgres: { readsPerSecond: capacity, readMs: 2 },
      bulkhead: { ...patient, maxQueued: 8 },
      emptyCache: { users },
      seconds: 10,
      stepSeconds: 0.05,
    });
    const at90 = points.find((point) => point.byCache >= 0.9 * load)?.at ?? 0;
    const expected = secondsToWarm(users, load, capacity, 0.9);
    expect(Math.abs(at90 - expected) / expected).toBeLessThan(0.15);
  });

  test("for a backlog: nobody joins it when there are many people, everybody when there are few", () => {
    const scenario = {
      seed: 2,
      messagesPerSecond: 1_000,
      outageSeconds: 60,
      drainPerSecond: 3_000,
      giveUpSeconds: 600,
    };
    const { least, most } = drainSeconds(60_000, 3_000, 1_000);
    const drain = (recipients: number) => simulatePending({ ...scenario, recipients }).drainSeconds ?? 0;
    expect(drain(1e7) / least).toBeCloseTo(1, 1);
    expect(drain(100) / most).toBeCloseTo(1, 1);
    for (const recipients of [1_000, 20_000, 100_000]) {
      expect(drain(recipients)).toBeGreaterThan(least * 0.98);
      expect(drain(recipients)).toBeLessThan(most * 1.02);
    }
    const endless = simulatePending({ ...scenario, recipients: 100, drainPerSecond: 900 });
    expect(endless.drainSeconds).toBeUndefined();
  });

  test("for workers that learn a limit: a worker's sawtooth, more workers use no less", () => {
    const { seconds, meanShare } = sawtooth(keptShare, raise);
    const expected = (meanShare * seconds) / (seconds + 1);
    const used = (workers: number) =>
      simulateProviders({ seed: 1, workers, limits: [100], load: 300, seconds: 120 })
        .slice(30)
        .reduce((sum, { accepted }) => sum + accepted / 9_000, 0);
    expect(Math.abs(used(1) - expected)).toBeLessThan(0.06);
    expect(used(16)).toBeGreaterThan(expected);
  });
});

describe("the simulation shows what the closed forms cannot", () => {
  const overloaded: PreferencesScenario = {
    seed: 1,
    workers: 1,
    notificationsPerSecond: 10_000,
    postgres: { readsPerSecond: 2_000, readMs: 1 },
    seconds: 8,
  };

  test.each([16, 256, 2_048])("a queue of %d wastes nothing of an overloaded Postgres", (maxQueued) => {
    expect(1 - defaultedShare({ ...overloaded, bulkhead: { maxQueued } })).toBeGreaterThan(0.19);
  });

  test("reads that run too slowly in all bulkheads at once are late, and breakers open: Postgres idles", () => {
    const served = (maxConcurrent: number) =>
      1 -
      defaultedShare({
        ...overloaded,
        postgres: { readsPerSecond: 100, readMs: 1 },
        bulkhead: { maxConcurrent },
      });
    expect(served(2)).toBeGreaterThan(0.9 * servedAtMost(overloaded.notificationsPerSecond, 100));
    expect(served(8)).toBeLessThan(0.75 * served(2));
  });

  test("a few workers with their share of Postgres show what many do", () => {
    const at = (workers: number) =>
      1 -
      defaultedShare({
        seed: 4,
        workers,
        notificationsPerSecond: 2_000 * workers,
        postgres: { readsPerSecond: 400 * workers, readMs: 1 },
        seconds: 6,
      });
    expect(at(2) / at(8)).toBeGreaterThan(0.85);
    expect(at(2) / at(8)).toBeLessThan(1.15);
  });

  const throttled = (scenario: Partial<ProvidersScenario>) =>
    simulateProviders({
      seed: 1,
      workers: 20,
      limits: [200, 200],
      load: 600,
      seconds: 60,
      ...scenario,
    }).reduce((sum, point) => sum + point.throttled, 0);

  test("workers that learn meet a fraction of the 429s of those that only block", () => {
    expect(throttled({})).toBeLessThan(throttled({ blockingAlone: true }) / 4);
    expect(throttled({ load: 200 })).toBe(0);
  });

  test("the same seed tells the same story, another one another", () => {
    expect(simulatePreferences(overloaded)).toEqual(simulatePreferences(overloaded));
    expect(simulatePreferences(overloaded)).not.toEqual(simulatePreferences({ ...overloaded, seed: 2 }));
    expect(throttled({})).toBe(throttled({}));
    expect(throttled({})).not.toBe(throttled({ seed: 2 }));
  });
});
