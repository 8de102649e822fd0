import { dirname } from "node:path";
import { Secret } from "../../core/config/secret.ts";

/** What a part of redisops.yaml reads from outside of it. */
export interface References {
  /** Names of environment variables. */
  readonly variables: readonly string[];
  /** Absolute paths of files: secrets, certificates and keys. */
  readonly files: readonly string[];
}

function collect(value: unknown, key: string, variables: Set<string>, files: Set<string>): void {
  if (value instanceof Secret) {
    const { reference } = value;
    if (reference.startsWith("file:")) files.add(reference.slice("file:".length));
    else variables.add(reference.slice(2, -1));
  } else if (typeof value === "string") {
    if (key.endsWith("_file")) files.add(value);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, child] of Object.entries(value)) collect(child, name, variables, files);
  }
}

/** The references in sections of redisops.yaml, in the order of their names. */
export function referencesOf(sections: Readonly<Record<string, unknown>>): References {
  const variables = new Set<string>();
  const files = new Set<string>();
  collect(sections, "", variables, files);
  return { variables: [...variables].sort(), files: [...files].sort() };
}

/** The key of the Secret that holds a file: keys know letters, digits, dots, dashes and underscores alone. */
export const fileKey = (path: string): string => path.replace(/^\/+/, "").replace(/[^A-Za-z0-9._-]/g, ".");

/** Files by the folder that they are mounted in. */
export const byFolder = (files: readonly string[]): ReadonlyMap<string, readonly string[]> =>
  Map.groupBy(files, dirname);
