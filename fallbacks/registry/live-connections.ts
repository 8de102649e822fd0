import type { Connection } from "../../core/registry/entry.ts";

/**
 * The live connections of a process, as its calls tell of them. One that neither ends nor shows a sign of life for one
 * entry's lifetime is forgotten within the next, as the registry forgets it: two generations, so that no timer and no
 * moment is kept for each. Bounded by the users who showed a sign of life within two lifetimes.
 */
export class LiveConnections {
  readonly #lifetime: number;
  #current = new Map<string, Connection>();
  #former = new Map<string, Connection>();
  #began = performance.now();

  /** `lifetime` is that of an entry, in milliseconds. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** Users with a live connection. */
  get count(): number {
    this.#turn();
    return this.#current.size + this.#former.size;
  }

  /** The connection came about or is still there. Of two of a user the later one counts. */
  alive(connection: Connection): void {
    this.#turn();
    const { userId } = connection;
    const known = this.#current.get(userId) ?? this.#former.get(userId);
    if (known !== undefined && known.connectedAtMs > connection.connectedAtMs) return;
    this.#former.delete(userId);
    this.#current.set(userId, connection);
  }

  /** The connection ended, or another one of the user took its place. */
  gone({ userId, connectionId }: Connection): void {
    for (const generation of [this.#current, this.#former]) {
      if (generation.get(userId)?.connectionId === connectionId) generation.delete(userId);
    }
  }

  #turn(): void {
    const lifetimes = Math.floor((performance.now() - this.#began) / this.#lifetime);
    if (lifetimes < 1) return;
    this.#former = lifetimes === 1 ? this.#current : new Map();
    this.#current = new Map();
    this.#began += lifetimes * this.#lifetime;
  }
}
