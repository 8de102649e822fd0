import type { Chunk, Chunks } from "./recovery.ts";

/** Parts of a run that no other process shares, kept in this process's memory. */
export function memoryChunks(): Chunks {
  const chunks = new Map<string, { state: "open" | "claimed" | "done"; position: unknown }>();
  return {
    layDown: async (ids) => {
      for (const id of ids) if (!chunks.has(id)) chunks.set(id, { state: "open", position: undefined });
    },
    claim: async <Position>() => {
      for (const [id, chunk] of chunks) {
        if (chunk.state !== "open") continue;
        chunk.state = "claimed";
        const claimed: Chunk<Position> = {
          id,
          position: chunk.position as Position | undefined,
          checkpoint: async (position) => {
            chunk.position = position;
          },
          done: async () => {
            chunk.state = "done";
          },
        };
        return claimed;
      }
      return undefined;
    },
    remaining: async () => [...chunks.values()].filter(({ state }) => state !== "done").length,
  };
}
