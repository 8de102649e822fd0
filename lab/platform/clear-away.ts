import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, killTree } from "../process-tree.ts";
import { removeSegment } from "../servers/postgres.ts";
import { waitUntil } from "../wait.ts";
import { processesOf, stillThere } from "./process-identity.ts";
import { type LabFiles, type LabState, removeFiles } from "./state-file.ts";

const deadlineMs = 20_000;

/** Ends whatever carries the mark of a lab's folder, and removes the folder. For what no workspace looks after any more. */
export async function clearFolder(folder: string): Promise<void> {
  for (const pid of processesOf(folder)) killTree(pid);
  await waitUntil(() => processesOf(folder).length === 0, {
    what: `everything of ${folder} to be gone`,
    deadlineMs,
  });
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/**
 * Clears up after a lab whose supervisor was killed: ends the processes that it left, removes its folder and its files.
 * Only processes of which it is certain that they are the lab's are ended: by their start time, or by the mark
 * of its folder. Answers how many there were. Call it only with the lab's name locked.
 */
export async function clearAway(state: LabState, files: LabFiles): Promise<number> {
  const left = state.processes.filter(stillThere).map(({ pid }) => pid);
  const pids = new Set([...left, ...processesOf(state.folder)]);
  for (const pid of pids) killTree(pid);
  await waitUntil(() => ![...pids].some(isAlive), { what: "the lab's processes to be gone", deadlineMs });
  removeSegment(join(state.folder, "postgres", "data"));
  await clearFolder(state.folder);
  removeFiles(files, state.supervisor);
  return pids.size;
}
