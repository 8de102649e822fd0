import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where servers are found although a user's PATH may not name it. */
const usualFolders = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin"];

/** A program that the lab needs is not on this machine. */
export class MissingProgramError extends Error {
  override readonly name = "MissingProgramError";
}

/**
 * The absolute path of the first of `names` that can be executed, looked up on PATH and then in the usual folders.
 *
 * @throws MissingProgramError naming the program and what installs it.
 */
export function findProgram(...names: readonly [string, ...string[]]): string {
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), ...usualFolders];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  throw new MissingProgramError(
    `${names.join(" or ")} is not installed: "make bootstrap" installs it or says how`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
