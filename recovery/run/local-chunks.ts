import type { Chunk, Chunks } from "../recovery.ts";

interface Part {
  readonly position?: unknown;
  readonly finished: boolean;
}

/**
 * The parts of a run that no other process shares. What is known of them is written down by `save` and read by `saved`,
 * the run's checkpoints.
 */
export class LocalChunks implements Chunks {
  readonly #saved: (name: string) => unknown;
  readonly #save: (name: string, value: unknown) => Promise<void>;
  readonly #parts = new Map<string, Part>();
  readonly #claimed = new Set<string>();

  constructor(saved: (name: string) => unknown, save: (name: string, value: unknown) => Promise<void>) {
    this.#saved = saved;
    this.#save = save;
  }

  async layDown(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const known = this.#saved(`chunk ${id}`) as Part | undefined;
      if (!this.#parts.has(id)) this.#parts.set(id, known ?? { finished: false });
    }
  }

  async claim<Position>(): Promise<Chunk<Position> | undefined> {
    for (const [id, part] of this.#parts) {
      if (part.finished || this.#claimed.has(id)) continue;
      this.#claimed.add(id);
      return {
        id,
        position: part.position as Position | undefined,
        checkpoint: (position) => this.#write(id, { position, finished: false }),
        done: () => this.#write(id, { finished: true }),
      };
    }
    return undefined;
  }

  async remaining(): Promise<number> {
    return [...this.#parts.values()].filter(({ finished }) => !finished).length;
  }

  async #write(id: string, part: Part): Promise<void> {
    await this.#save(`chunk ${id}`, part);
    this.#parts.set(id, part);
  }
}
