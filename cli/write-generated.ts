import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exitCodes } from "../core/error-codes.ts";
import { messageOf, RedisopsError } from "../core/errors.ts";
import { print, printJson } from "./output.ts";

/** Files of a kind, with names relative to the output folder. Only a secret one is closed to other users. */
export type Generated = readonly { readonly name: string; readonly text: string; readonly secret: boolean }[];

/** Puts a file in place at once and whole; a secret one for its owner alone, whoever could read the one before. */
async function replaceFile(path: string, text: string, secret: boolean): Promise<void> {
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(fresh, text, { mode: secret ? 0o600 : 0o644, flag: "wx" });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** Writes the files into the folder `out` and prints their paths. Returns the exit code; throws USAGE where it cannot. */
export async function writeGenerated(
  files: Generated,
  options: { readonly out: string; readonly json: boolean },
): Promise<number> {
  const paths = files.map(({ name }) => join(options.out, name));
  try {
    await mkdir(options.out, { recursive: true });
    for (const { name, text, secret } of files) await replaceFile(join(options.out, name), text, secret);
  } catch (error) {
    throw new RedisopsError("USAGE", `Cannot write to the folder "${options.out}": ${messageOf(error)}`, {
      next: "Name a folder that can be written to with --out.",
      cause: error,
    });
  }
  if (options.json) printJson({ files: paths });
  else for (const path of paths) print(path);
  return exitCodes.done;
}

/** Puts a page in place at once and whole. Throws USAGE where it cannot. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await replaceFile(path, text, false).catch((error: unknown) => {
    throw new RedisopsError("USAGE", `Cannot write "${path}": ${messageOf(error)}`, {
      next: "Name a file in a folder that can be written to.",
      cause: error,
    });
  });
}
