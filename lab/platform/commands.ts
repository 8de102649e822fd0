import { rmSync } from "node:fs";
import { RedisopsError } from "../../core/errors.ts";
import { waitUntil } from "../wait.ts";
import { startInBackground } from "./background-start.ts";
import { clearAway } from "./clear-away.ts";
import { askSupervisor } from "./control-client.ts";
import { checkOptions } from "./fault-options.ts";
import { type FaultRequest, faults } from "./faults.ts";
import { withNameLocked } from "./name-lock.ts";
import { defaultRates, type RateChange, type Rates } from "./settings.ts";
import { isSupervised, knownLabs, type LabFiles, labFiles, readState, removeLogs } from "./state-file.ts";
import type { LabStatus } from "./status.ts";

export { defaultRates, faults };

/** How a lab is started from the command line. */
export interface UpOptions {
  readonly name: string;
  readonly rates: RateChange;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Longest time for a lab to end, in milliseconds. */
const downDeadlineMs = 60_000;

/** The files of a lab that answers. Throws LAB_DOWN when there is none of this name, or only what a crash left. */
function running(name: string): LabFiles {
  const files = labFiles(name);
  const state = readState(files);
  if (state === undefined) {
    const others = knownLabs();
    const hint = others.length === 0 ? "" : `; there is ${others.join(", ")}`;
    throw new RedisopsError("LAB_DOWN", `There is no lab called ${name}${hint}`);
  }
  if (!isSupervised(state)) {
    throw new RedisopsError("LAB_DOWN", `The lab ${name} has crashed; its supervisor is gone`, {
      next: "redisops lab down clears up what it left; redisops lab up does so too.",
    });
  }
  return files;
}

/** Runs a lab until the signal or `lab down` ends it; `onUp` is told when it is up. */
export async function runLab(
  options: UpOptions & { readonly onUp: (status: LabStatus) => void },
): Promise<void> {
  const { supervise } = await import("./supervisor.ts");
  await supervise(options);
}

/** Starts a lab in the background; resolves when it is up. */
export async function startLab(options: UpOptions): Promise<LabStatus> {
  await startInBackground(options);
  return labStatus(options.name);
}

/** How a lab is. Throws LAB_DOWN when it does not run. */
export async function labStatus(name: string): Promise<LabStatus> {
  return askSupervisor<LabStatus>(running(name).control, "GET", "/status");
}

/** Injects a fault or heals. Answers what was done. */
export async function injectFault(name: string, request: FaultRequest): Promise<string> {
  checkOptions(request);
  const { done } = await askSupervisor<{ done: string }>(running(name).control, "POST", "/inject", request);
  return done;
}

/** Changes the load. Answers the rates from now on. */
export async function changeRates(name: string, change: RateChange): Promise<Rates> {
  return askSupervisor<Rates>(running(name).control, "POST", "/rates", change);
}

/**
 * Ends a lab and waits until nothing of it is left, also when its supervisor has crashed. Answers what was done.
 *
 * @throws RedisopsError LAB_DOWN when there is no lab of this name; LAB_FAILED when it does not end.
 */
export async function endLab(name: string): Promise<string> {
  const files = labFiles(name);
  const state = readState(files);
  if (state === undefined) throw nothingToEnd(name);
  if (!isSupervised(state)) return clearAfterCrash(name, files);
  await askSupervisor(files.control, "POST", "/down");
  try {
    await waitUntil(() => !isSupervised(state), {
      what: "the lab's supervisor to end",
      deadlineMs: downDeadlineMs,
      intervalMs: 50,
    });
  } catch (error) {
    throw new RedisopsError("LAB_FAILED", `The lab ${name} does not end`, {
      next: `End process ${state.supervisor.pid}, then run redisops lab down again.`,
      cause: error,
    });
  }
  if (state.log !== undefined) rmSync(state.log, { force: true });
  return `the lab ${name} is down; nothing of it is left`;
}

async function clearAfterCrash(name: string, files: LabFiles): Promise<string> {
  const left = await withNameLocked(files, async () => {
    // Another command may have cleared up since, and one may have started the next lab.
    const state = readState(files);
    if (state === undefined) return undefined;
    if (isSupervised(state)) throw new RedisopsError("LAB_RUNNING", `The lab ${name} has been started anew`);
    const count = await clearAway(state, files);
    removeLogs(files);
    return count;
  });
  if (left === undefined) throw nothingToEnd(name);
  return `the lab ${name} had crashed; ${left} processes that it had left are ended`;
}

function nothingToEnd(name: string): RedisopsError {
  return new RedisopsError("LAB_DOWN", `There is no lab called ${name}`, {
    next: "There is nothing to end.",
  });
}
