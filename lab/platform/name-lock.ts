import { readFileSync, renameSync, rmSync } from "node:fs";
import { RedisopsError } from "../../core/errors.ts";
import { waitUntil } from "../wait.ts";
import { identify, type ProcessIdentity, stillThere } from "./process-identity.ts";
import { createWhole, type LabFiles } from "./state-file.ts";

/** Longer than clearing up after a crash may take. */
const deadlineMs = 60_000;

/**
 * Does something that decides whose a lab's name is, while no other process does so. A lock whose holder has died counts
 * for nothing.
 *
 * @throws RedisopsError LAB_FAILED when another process holds it for a minute.
 */
export async function withNameLocked<T>(files: LabFiles, work: () => Promise<T>): Promise<T> {
  const own = identify(process.pid);
  if (own === undefined) throw new Error("the system does not tell when this process started");
  try {
    await waitUntil(() => take(files.lock, own), {
      what: `another process to release ${files.lock}`,
      deadlineMs,
      intervalMs: 50,
    });
  } catch (error) {
    throw new RedisopsError("LAB_FAILED", "Another process is starting or ending a lab of this name", {
      next: `Wait for it; ${files.lock} names its pid.`,
      cause: error,
    });
  }
  try {
    return await work();
  } finally {
    rmSync(files.lock, { force: true });
  }
}

function take(lock: string, own: ProcessIdentity): boolean {
  if (createWhole(lock, JSON.stringify(own))) return true;
  const holder = holderOf(lock);
  if (holder === undefined || stillThere(holder)) return false;
  const stale = `${lock}.${own.pid}.stale`;
  try {
    renameSync(lock, stale); // of several processes that see it, one gets it
  } catch {
    return false;
  }
  const taken = holderOf(stale);
  rmSync(stale, { force: true });
  // Another one was quicker, and its new lock is what was moved: it gets it back.
  if (taken !== undefined && stillThere(taken)) createWhole(lock, JSON.stringify(taken));
  return false;
}

function holderOf(lock: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(lock, "utf8")) as ProcessIdentity;
  } catch {
    return undefined; // released at this moment
  }
}
