import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isAlive } from "../process-tree.ts";

/** The environment variable that a lab's processes carry: the lab's folder. */
export const labMark = "REDISOPS_LAB";

/** A process, told apart from a later one that got the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the system writes it: ticks since the boot on Linux, a date elsewhere. */
  readonly started: string;
}

/** The identity of a running process; undefined when there is none with this pid. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (pid <= 0 || !isAlive(pid)) return undefined;
  const started = process.platform === "linux" ? statField(pid, 22) : startedFromPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether this very process is still there, running or stopped. */
export function stillThere(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/**
 * The pids of a lab's processes: those that carry the mark of its folder, and those that work there and have erased their
 * environment, as Redis and Postgres do to write a title over it. Never this process or what it was started from. Linux
 * only; empty elsewhere.
 */
export function processesOf(folder: string): number[] {
  if (process.platform !== "linux") return [];
  const own = ancestry(process.pid);
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => !own.has(pid) && belongsTo(pid, folder) && isAlive(pid));
}

/** A process, its parent, and so on. */
function ancestry(pid: number): Set<number> {
  const found = new Set<number>();
  for (let next = pid; next > 0 && !found.has(next); next = Number(statField(next, 4) ?? 0)) found.add(next);
  return found;
}

function belongsTo(pid: number, folder: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
    if (environment.includes("=")) return environment.split("\0").includes(`${labMark}=${folder}`);
    const place = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, "");
    return place === folder || place.startsWith(`${folder}/`);
  } catch {
    return false; // it ended, or it is another user's
  }
}

/** A field of /proc/<pid>/stat, counted from 1 as proc(5) does. */
function statField(pid: number, field: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the command in parentheses and may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[field - 3];
  } catch {
    return undefined;
  }
}

function startedFromPs(pid: number): string | undefined {
  const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  const text = (stdout ?? "").trim();
  return text === "" ? undefined : text;
}
