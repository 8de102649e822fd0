import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
}

/** Everything here is synchronous because it must also work while the process exits. */
function listProcesses(): ProcessRow[] {
  return process.platform === "linux" ? listFromProc() : listFromPs();
}

function listFromProc(): ProcessRow[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readProc(Number(entry)) ?? []);
}

function readProc(pid: number): ProcessRow | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // it ended while the list was read
  }
  // The second field is the command in parentheses and may hold anything, so what counts starts after the last ")".
  const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid, parent: Number(parent), zombie: state === "Z" || state === "X" };
}

function listFromPs(): ProcessRow[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" });
  return (stdout ?? "").split("\n").flatMap((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/);
    if (pid === undefined || parent === undefined || state === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), zombie: state.startsWith("Z") }];
  });
}

/** The pids of all living descendants of `pid`, parents before their children; empty if there are none. */
export function descendants(pid: number): number[] {
  const rows = listProcesses().filter((row) => !row.zombie);
  const found = [pid];
  for (const parent of found) {
    for (const row of rows) {
      if (row.parent === parent && !found.includes(row.pid)) found.push(row.pid);
    }
  }
  return found.slice(1);
}

/** Whether a process with this pid runs or is stopped. A zombie counts as gone: it runs nothing and holds no port. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  if (process.platform === "linux") return readProc(pid)?.zombie === false;
  return listFromPs().some((row) => row.pid === pid && !row.zombie);
}

/** Sends a signal to one pid. Returns whether the process was there; a process that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * SIGKILLs a process and all its descendants, whether they run or are stopped. The root is stopped first, so that it
 * cannot fork while the list is read.
 *
 * @returns the pids that were signalled; they may take a moment to be gone.
 */
export function killTree(root: number): number[] {
  if (!signal(root, "SIGSTOP")) return [];
  const pids = [root, ...descendants(root)];
  for (const pid of pids) signal(pid, "SIGKILL");
  return pids;
}

/** SIGSTOPs a process and all its descendants, the root first so that it forks no more. */
export function pauseTree(root: number): void {
  if (!signal(root, "SIGSTOP")) return;
  for (const pid of descendants(root)) signal(pid, "SIGSTOP");
}

/** SIGCONTs a process and all its descendants. Harmless for those that are not stopped. */
export function resumeTree(root: number): void {
  for (const pid of descendants(root)) signal(pid, "SIGCONT");
  signal(root, "SIGCONT");
}
