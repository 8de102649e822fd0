import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "../binaries.ts";

const run = promisify(execFile);

/** The oldest Java that Kafka's broker runs on. */
export const javaNeeded = 17;

/** Prints the version of a Java to stderr; starting it takes a moment on a busy machine. */
const versionDeadlineMs = 30_000;

/**
 * The path of a Java of version 17 or newer: that of JAVA_HOME, or the one on PATH and in the usual folders.
 *
 * @throws Error saying what is there instead.
 */
export async function findJava(): Promise<string> {
  const candidates = [...homeJava(), ...pathJava()];
  const found: string[] = [];
  for (const path of candidates) {
    const version = await majorVersion(path);
    if (version !== undefined && version >= javaNeeded) return path;
    found.push(`${path} ${version === undefined ? "does not run" : `is Java ${version}`}`);
  }
  throw new Error(found.length === 0 ? "there is no java" : found.join(", "));
}

function homeJava(): string[] {
  const home = process.env.JAVA_HOME;
  return home === undefined || home === "" ? [] : [join(home, "bin", "java")];
}

function pathJava(): string[] {
  try {
    return [findProgram("java")];
  } catch {
    return [];
  }
}

/** Undefined when it cannot be run, as the placeholder that macOS has instead of Java. */
async function majorVersion(path: string): Promise<number | undefined> {
  try {
    const { stdout, stderr } = await run(path, ["-version"], { timeout: versionDeadlineMs });
    const major = /version "(\d+)/.exec(stderr + stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}
