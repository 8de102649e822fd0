import { messageOf, RedisopsError } from "../../core/errors.ts";
import { membersMeant } from "./fault-targets.ts";
import type { ActiveFault, FaultRequest } from "./faults.ts";
import { type Done, type FaultyPlatform, type Injection, injections } from "./injections.ts";

/** A fault that holds, with what ends it. */
interface Held extends ActiveFault {
  readonly done: Done;
  readonly undo: () => Promise<void>;
  readonly timer: NodeJS.Timeout | undefined;
}

/** Injects faults one after the other and remembers how to undo them. */
export class FaultInjector {
  readonly #platform: FaultyPlatform;
  readonly #say: (line: string) => void;
  readonly #injections: ReturnType<typeof injections>;
  readonly #held = new Set<Held>();
  #turn: Promise<unknown> = Promise.resolve();

  /** `say` is told what happens, also when a fault undoes itself. */
  constructor(platform: FaultyPlatform, say: (line: string) => void) {
    this.#platform = platform;
    this.#say = say;
    this.#injections = injections(platform);
  }

  /** The faults that hold now, the oldest first. */
  get active(): ActiveFault[] {
    return [...this.#held].map(({ fault, target, since, until }) => ({ fault, target, since, until }));
  }

  /**
   * Carries a request out and answers what was done.
   *
   * @throws RedisopsError USAGE for a request that makes no sense, LAB_FAILED when it could not be carried out.
   */
  inject(request: FaultRequest): Promise<string> {
    return this.#inTurn(() => this.#carryOut(request));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #carryOut(request: FaultRequest): Promise<string> {
    const { fault, forMs } = request;
    if (fault === "heal") return this.#heal(request);
    const inject: Injection = this.#injections[fault];
    const done = await inject(request);
    const { target, what, undo } = done;
    if (undo === undefined) {
      return this.#tell(forMs === undefined ? what : `${what}; there is nothing to undo later`);
    }
    const since = Date.now();
    const held: Held = {
      fault,
      target,
      done,
      undo,
      since: new Date(since).toISOString(),
      until: forMs === undefined ? null : new Date(since + forMs).toISOString(),
      timer: forMs === undefined ? undefined : setTimeout(() => this.#undoLater(held), forMs),
    };
    this.#held.add(held);
    return this.#tell(what);
  }

  #tell(what: string): string {
    this.#say(what);
    return what;
  }

  #undoLater(held: Held): void {
    this.#inTurn(async () => {
      if (this.#held.has(held)) await this.#undo(held);
    }).catch((error: unknown) => this.#say(`undoing ${held.fault} failed: ${messageOf(error)}`));
  }

  async #undo(held: Held): Promise<void> {
    clearTimeout(held.timer);
    this.#held.delete(held);
    await held.undo();
    this.#say(`${held.fault} of ${held.target} is undone`);
  }

  /** Undoes the youngest first, and starts whatever is down for another reason. What fails does not keep the rest. */
  async #heal({ role }: FaultRequest): Promise<string> {
    const meant = role === undefined ? this.#platform.members : membersMeant(role, this.#platform.members);
    const names = new Set(meant.map(({ name }) => name));
    const concerned = [...this.#held]
      .reverse()
      .filter(({ done }) => done.members.some((name) => names.has(name)));
    const problems: string[] = [];
    const attempt = (work: Promise<void>) => work.catch((error: unknown) => problems.push(messageOf(error)));

    for (const held of concerned) await attempt(this.#undo(held));
    const down = meant.filter((member) => !member.running);
    await Promise.all(down.map((member) => attempt(member.restart({ empty: false }))));
    // Else the next fault could come before a shard has its replica again.
    if (meant.some(({ shard }) => shard !== undefined))
      await attempt(this.#platform.stores.cluster.untilSettled());
    if (problems.length > 0)
      throw new RedisopsError("LAB_FAILED", `Not everything is healed: ${problems.join("; ")}`);
    const healed = [
      ...concerned.map(({ fault, target }) => `${fault} of ${target}`),
      ...down.map(({ name }) => `${name} was down`),
    ];
    return this.#tell(healed.length === 0 ? "there was nothing to heal" : `healed: ${healed.join(", ")}`);
  }
}
