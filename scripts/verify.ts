/** `npm run verify`: fails when a generated file on disk is not what the generators say, and shows where. */
import { fileURLToPath } from "node:url";
import { type Difference, differences } from "./generate/generated-state.ts";
import { generatedFiles, generatedFolders } from "./generated-files.ts";

const advice: Readonly<Record<Difference["kind"], string>> = {
  missing: "not there; npm run generate writes it",
  stale: "differs from what npm run generate writes (- on disk, + generated)",
  orphan: "nothing generates this file; remove it, or bring back what it came from",
};

const root = fileURLToPath(new URL("..", import.meta.url));
const found = differences(root, generatedFiles, generatedFolders);
for (const { path, kind, diff } of found) {
  process.stdout.write([`${path}: ${advice[kind]}`, ...diff.map((line) => `  ${line}`), ""].join("\n"));
}
process.stdout.write(
  found.length === 0
    ? `${generatedFiles.length} generated files are up to date\n`
    : `${found.length} of the generated files differ\n`,
);
process.exitCode = found.length === 0 ? 0 : 1;
