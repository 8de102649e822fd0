/** Tells what took how long, as things become ready. */
export class Stopwatch {
  readonly #began = performance.now();
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Runs a part of the start and says when it is done. */
  async time<T>(what: string, run: () => Promise<T>): Promise<T> {
    const began = this.seconds;
    const result = await run();
    const took = (this.seconds - began).toFixed(1);
    this.#say(`${this.seconds.toFixed(1).padStart(5)} s  ${what} ready (took ${took} s)`);
    return result;
  }
}
