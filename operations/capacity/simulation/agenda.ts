interface Appointment {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

function before(one: Appointment, other: Appointment): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** What is to happen when, in simulated milliseconds: the clock of a discrete-event simulation, as a binary heap. */
export class Agenda {
  readonly #heap: Appointment[] = [];
  #made = 0;
  #now = 0;

  /** The simulated time in milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** Has something happen so many milliseconds from now; what is due at the same time happens in the order of asking. */
  in(milliseconds: number, run: () => void): void {
    const heap = this.#heap;
    const made: Appointment = { at: this.#now + milliseconds, order: this.#made++, run };
    let index = heap.length;
    heap.push(made);
    for (;;) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (index === 0 || above === undefined || before(above, made)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = made;
  }

  /** Lets everything happen that is due before `end`, which is the time then. */
  runUntil(end: number): void {
    for (let [first] = this.#heap; first !== undefined && first.at < end; [first] = this.#heap) {
      this.#removeFirst();
      this.#now = first.at;
      first.run();
    }
    this.#now = end;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
      const rightFirst = left !== undefined && right !== undefined && before(right, left);
      const child = rightFirst ? right : left;
      if (child === undefined || before(last, child)) break;
      heap[index] = child;
      index = 2 * index + (rightFirst ? 2 : 1);
    }
    heap[index] = last;
  }
}
