import { setTimeout as delay } from "node:timers/promises";
import type { Chunk, Run } from "../recovery.ts";

/** Milliseconds until a process that found nothing free looks again: another one may have died. */
const lookAgain = 500;

/**
 * Works on the run's parts as they become free, until none remains, whoever works on the others. Each is finished when
 * its work is done. Rejects with the signal's reason, with what the work rejects with, and with why the run has to end.
 */
export async function eachChunk<Position>(
  run: Pick<Run, "chunks" | "pace">,
  signal: AbortSignal,
  work: (chunk: Chunk<Position>) => Promise<void>,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const chunk = await run.chunks.claim<Position>();
    if (chunk !== undefined) {
      await work(chunk);
      await chunk.done();
    } else if ((await run.chunks.remaining()) > 0) {
      await run.pace(0);
      await delay(lookAgain, undefined, { signal }).catch(() => undefined);
    } else return;
  }
}
