import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { check, lock } from "proper-lockfile";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { askedRateFile } from "./asked-rate.ts";
import { fencedOff, lockHeartbeat, lockHeld, lockLease, type RoleLock } from "./role-lock.ts";

interface Holder {
  readonly token: number;
  readonly run: string;
  readonly host: string;
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

/** The run that has the role by a file below the state folder and lives; undefined where there is none. */
export async function fileLockHolder(stateFolder: string, role: string): Promise<string | undefined> {
  const path = join(stateFolder, "locks", `${role}.json`);
  const held = await check(path, { realpath: false, stale: lockLease }).catch(() => false);
  return held ? readHolder(path)?.run : undefined;
}

/**
 * Takes a role for a run by a file below the state folder: only processes that share the folder see it. Rejects with
 * LOCK_HELD while another run has it and lives, and with LOCK_UNAVAILABLE where the folder cannot be written.
 */
export async function acquireFileLock(stateFolder: string, role: string, run: string): Promise<RoleLock> {
  const folder = join(stateFolder, "locks");
  const path = join(folder, `${role}.json`);
  const unavailable = (error: unknown) =>
    new RedisopsError("LOCK_UNAVAILABLE", `Cannot lock ${path}: ${messageOf(error)}`, { cause: error });
  let lost = false;
  let release: () => Promise<void>;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    release = await lock(path, {
      realpath: false,
      stale: lockLease,
      update: lockHeartbeat,
      retries: 0,
      onCompromised: () => {
        lost = true;
      },
    });
  } catch (error) {
    const held = error instanceof Error && "code" in error && error.code === "ELOCKED";
    throw held ? lockHeld(role, readHolder(path) ?? {}) : unavailable(error);
  }
  const token = (readHolder(path)?.token ?? 0) + 1;
  try {
    writeFileSync(`${path}.new`, JSON.stringify({ token, run, host: hostname() }), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch (error) {
    await release().catch(() => undefined);
    throw unavailable(error);
  }
  return {
    kind: "file",
    token,
    get askedRate() {
      return askedRateFile(stateFolder, run).read();
    },
    async check() {
      if (lost || readHolder(path)?.token !== token) throw fencedOff(role, run);
    },
    showPaused: () => undefined,
    release: () => release().catch(() => undefined),
  };
}
