import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { RedisopsError } from "../../core/errors.ts";
import { isAlive } from "../process-tree.ts";
import { type ProcessIdentity, stillThere } from "./process-identity.ts";

const identity = z.object({ pid: z.int(), started: z.string() });

const labState = z.object({
  name: z.string(),
  phase: z.enum(["starting", "up", "stopping"]),
  /** The process that owns everything. */
  supervisor: identity,
  /** The folder with everything that the lab writes. */
  folder: z.string(),
  /** The output of a supervisor in the background. */
  log: z.string().optional(),
  processes: z.array(identity.extend({ name: z.string() })),
});

/** What is on disk about a lab, for commands that come later and for clearing up after a crash. */
export type LabState = z.infer<typeof labState>;

/** The files of a lab in the user's own folder. */
export interface LabFiles {
  readonly state: string;
  /** The Unix socket on which the supervisor answers. */
  readonly control: string;
  /** Held by who claims the name or clears up after a crash. */
  readonly lock: string;
}

/** sockaddr_un has 108 bytes on Linux and 104 on macOS, the last of them 0. */
const maxSocketPath = process.platform === "linux" ? 107 : 103;

const namePattern = /^[a-z0-9][a-z0-9-]{0,30}$/;

/**
 * Where the files of a lab are: in the user's runtime folder, or in a folder of the user's own below the temporary one,
 * which is created for its owner alone.
 *
 * @throws RedisopsError USAGE for a name that is none; LAB_FAILED when the folder belongs to somebody else.
 */
export function labFiles(name: string): LabFiles {
  if (!namePattern.test(name)) {
    throw new RedisopsError(
      "USAGE",
      `A lab's name has lower-case letters, digits and hyphens, at most 31: not "${name}"`,
    );
  }
  const folder = ownFolder();
  const control = join(folder, `${name}.sock`);
  if (Buffer.byteLength(control) > maxSocketPath) {
    throw new RedisopsError("LAB_FAILED", `The path of the control socket is too long: ${control}`, {
      next: `Set XDG_RUNTIME_DIR to a shorter path: a Unix socket's may have ${maxSocketPath} bytes.`,
    });
  }
  return { state: join(folder, `${name}.json`), control, lock: join(folder, `${name}.lock`) };
}

/** Where a supervisor in the background writes that this process starts: no two starts share a log. */
export function logFileOf(files: LabFiles): string {
  return files.state.replace(/json$/, `${process.pid}.log`);
}

/** Removes the logs of earlier starts, but `keep` and those that whoever started the lab still reads. */
export function removeLogs(files: LabFiles, keep?: string): void {
  const folder = dirname(files.state);
  const start = basename(files.state, "json");
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const starter = file.startsWith(start) ? /^(\d+)\.log$/.exec(file.slice(start.length))?.[1] : undefined;
    if (starter === undefined || path === keep || isAlive(Number(starter))) continue;
    rmSync(path, { force: true });
  }
}

/** The names of the labs that left a state file. */
export function knownLabs(): string[] {
  return readdirSync(ownFolder())
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

function ownFolder(): string {
  const { uid } = userInfo();
  const folder = join(process.env.XDG_RUNTIME_DIR || tmpdir(), `redisops-lab-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new RedisopsError("LAB_FAILED", `${folder} is not a folder that only you can write to`, {
      next: "Remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
    });
  }
  return folder;
}

/** The state of a lab; undefined when there is no lab of this name. A file that cannot be read counts as none. */
export function readState(files: LabFiles): LabState | undefined {
  try {
    return labState.parse(JSON.parse(readFileSync(files.state, "utf8")));
  } catch {
    return undefined;
  }
}

/** Whether the process that owns the lab is there. */
export function isSupervised(state: LabState): boolean {
  return stillThere(state.supervisor);
}

/**
 * Claims a lab's name for this process. The file is there with all that is in it, or not at all.
 *
 * @throws RedisopsError LAB_RUNNING when another process was first.
 */
export function claim(files: LabFiles, state: LabState): void {
  if (!createWhole(files.state, JSON.stringify(state))) {
    throw new RedisopsError("LAB_RUNNING", `The lab ${state.name} is already there`);
  }
}

/** Creates a file in one step. Answers false when it is there. */
export function createWhole(file: string, text: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Replaces the state in one step, so that a reader never sees half of it. */
export function writeState(files: LabFiles, state: LabState): void {
  const draft = `${files.state}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(draft, files.state);
}

/**
 * Removes the state and the socket of the lab that `supervisor` owns or has owned, and nothing of a later one. The log
 * stays for whoever wants to know why.
 */
export function removeFiles(files: LabFiles, supervisor: ProcessIdentity): void {
  const found = readState(files)?.supervisor;
  if (found !== undefined && !(found.pid === supervisor.pid && found.started === supervisor.started)) return;
  rmSync(files.state, { force: true });
  rmSync(files.control, { force: true });
}
