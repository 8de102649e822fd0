/** `npm run generate`: writes every generated file that is missing or stale. */
import { fileURLToPath } from "node:url";
import { differences, writeFiles } from "./generate/generated-state.ts";
import { generatedFiles, generatedFolders } from "./generated-files.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const before = differences(root, generatedFiles, generatedFolders);
const outdated = new Set(before.filter(({ kind }) => kind !== "orphan").map(({ path }) => path));

writeFiles(
  root,
  generatedFiles.filter(({ path }) => outdated.has(path)),
);
for (const path of outdated) process.stdout.write(`wrote ${path}\n`);
process.stdout.write(`${generatedFiles.length} generated files, ${outdated.size} of them changed\n`);

for (const { path, kind } of before) {
  if (kind !== "orphan") continue;
  process.stderr.write(`${path}: nothing generates this file; remove it, or bring back what it came from\n`);
  process.exitCode = 1;
}
