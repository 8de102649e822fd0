import { readFileSync } from "node:fs";

/** The released version, from package.json beside the sources or one level above the compiled files. */
export const version: string =
  ["../package.json", "../../package.json"]
    .map((path) => new URL(path, import.meta.url))
    .flatMap((url) => {
      try {
        const manifest: unknown = JSON.parse(readFileSync(url, "utf8"));
        return [String((manifest as { version?: unknown }).version)];
      } catch {
        return [];
      }
    })[0] ?? "unknown";
