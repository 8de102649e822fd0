import { expect, it } from "vitest";
import type { Chunk } from "../../../recovery/recovery.ts";
import { eachChunk } from "../../../recovery/run/each-chunk.ts";

/** Parts of which the first claims give so many times nothing, because another process has them. */
function runOf(ids: string[], heldFor: number) {
  const finished: string[] = [];
  const paced: number[] = [];
  let held = heldFor;
  return {
    finished,
    paced,
    pace: async (items: number) => void paced.push(items),
    chunks: {
      layDown: async () => undefined,
      claim: async <Position>(): Promise<Chunk<Position> | undefined> => {
        if (held-- > 0) return undefined;
        const id = ids.shift();
        if (id === undefined) return undefined;
        return {
          id,
          position: undefined,
          checkpoint: async () => undefined,
          done: async () => void finished.push(id),
        };
      },
      remaining: async () => ids.length,
    },
  };
}

const never = new AbortController().signal;

it("works on every part and finishes it after its work", async () => {
  const run = runOf(["a", "b"], 0);
  const seen: string[] = [];
  await eachChunk(run, never, async ({ id }) => void seen.push(`${id} after ${run.finished.join("")}`));
  expect(seen).toEqual(["a after ", "b after a"]);
  expect(run.finished).toEqual(["a", "b"]);
});

it("waits for parts that another process has, asking each time whether it still may", async () => {
  const run = runOf(["a"], 2);
  await eachChunk(run, never, async () => undefined);
  expect(run.finished).toEqual(["a"]);
  expect(run.paced).toEqual([0, 0]);
});

it("leaves a part unfinished whose work fails, and stops when it is interrupted", async () => {
  const run = runOf(["a", "b"], 0);
  await expect(eachChunk(run, never, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(run.finished).toEqual([]);
  await expect(eachChunk(run, AbortSignal.abort(new Error("enough")), async () => undefined)).rejects.toThrow(
    "enough",
  );
  expect(run.finished).toEqual([]);
});
