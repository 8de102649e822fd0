import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { GeneratedFile, generatedFolders } from "../generated-files.ts";
import { lineDiff } from "./line-diff.ts";

/** A generated file that is not on disk as it should be, or a file that nothing generates. */
export interface Difference {
  readonly path: string;
  readonly kind: "missing" | "stale" | "orphan";
  /** What differs, for a stale file: `-` is on disk, `+` is what it should be. */
  readonly diff: readonly string[];
}

function orphans(
  root: string,
  files: readonly GeneratedFile[],
  folders: typeof generatedFolders,
): Difference[] {
  const known = new Set(files.map((file) => file.path));
  return folders.flatMap(({ folder, ending }) => {
    const directory = join(root, folder);
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .filter((name) => name.endsWith(ending) && !known.has(`${folder}/${name}`))
      .map((name) => ({ path: `${folder}/${name}`, kind: "orphan" as const, diff: [] }));
  });
}

/** Compares what is on disk below `root` with what the generators say. */
export function differences(
  root: string,
  files: readonly GeneratedFile[],
  folders: typeof generatedFolders,
): Difference[] {
  const wrong = files.flatMap((file): Difference[] => {
    const place = join(root, file.path);
    if (!existsSync(place)) return [{ path: file.path, kind: "missing", diff: [] }];
    const diff = lineDiff(readFileSync(place, "utf8"), file.content());
    return diff.length === 0 ? [] : [{ path: file.path, kind: "stale", diff }];
  });
  return [...wrong, ...orphans(root, files, folders)];
}

/** Writes the named files below `root`. */
export function writeFiles(root: string, files: readonly GeneratedFile[]): void {
  for (const file of files) {
    const place = join(root, file.path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, file.content());
  }
}
