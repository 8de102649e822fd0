/** Lets the tasks of one user run one after the other, in the order of their arrival. Holds only users with tasks. */
export class UserTurns {
  readonly #last = new Map<string, Promise<unknown>>();
  #running = 0;

  /** Tasks that run or wait. */
  get running(): number {
    return this.#running;
  }

  /** Runs the task after the user's earlier ones have settled. Settles like the task. */
  async take<T>(userId: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(userId);
    this.#running += 1;
    const turn = before === undefined ? task() : before.then(task, task);
    this.#last.set(userId, turn);
    try {
      return await turn;
    } finally {
      this.#running -= 1;
      if (this.#last.get(userId) === turn) this.#last.delete(userId);
    }
  }
}
