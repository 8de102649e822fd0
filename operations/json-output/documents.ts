import { z } from "zod";
import { auditDocuments } from "./audit.ts";
import { capacityDocuments } from "./capacity.ts";
import { operationsDocuments } from "./operations.ts";
import { platformDocuments } from "./platform.ts";
import { recoverDocuments } from "./recover.ts";
import { runbookDocuments } from "./runbook.ts";
import { errorReport, type OutputDocument } from "./shared.ts";
import { statusDocuments } from "./status.ts";

/** What every command prints with `--json` where it fails as a whole. */
export const errorDocument = z.strictObject({ error: errorReport });

/** What each command prints with `--json`, in the order of the help. */
export const outputDocuments: readonly OutputDocument[] = [
  ...statusDocuments,
  ...runbookDocuments,
  ...recoverDocuments,
  ...auditDocuments,
  ...operationsDocuments,
  ...capacityDocuments,
  ...platformDocuments,
];

/** The document of a command line without the program; undefined where it prints none. */
export function documentOf(words: readonly string[]): OutputDocument | undefined {
  const own = words.filter((word) => !word.startsWith("-"));
  const running = ["--watch", "--listen"].filter((option) => words.includes(option));
  const names = [...running.map((option) => `${own[0]} ${option}`), own.slice(0, 2).join(" "), own[0] ?? ""];
  return names
    .map((name) => outputDocuments.find(({ command }) => command === name))
    .find((found) => found !== undefined);
}
