import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The rate that an operator asks a run for that has its lock in a file. */
export function askedRateFile(stateFolder: string, run: string) {
  const path = join(stateFolder, "runs", `${run}.rate`);
  return {
    /** Items per second; undefined where nothing was asked for. */
    read(): number | undefined {
      try {
        const rate = Number(readFileSync(path, "utf8"));
        return Number.isFinite(rate) && rate > 0 ? rate : undefined;
      } catch {
        return undefined;
      }
    },
    write(rate: number): void {
      mkdirSync(join(stateFolder, "runs"), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, String(rate), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
  };
}
