import { messageOf, RedisopsError } from "../../core/errors.ts";
import { membersMeant } from "./fault-targets.ts";
import type { ActiveFault, FaultName, FaultRequest } from "./faults.ts";
import type { Done, FaultyPlatform, Injection } from "./injection.ts";
import { injections } from "./injections.ts";

/** A fault that holds, with what ends it. */
interface Held extends ActiveFault {
  readonly done: Done;
  readonly undo: () => Promise<void>;
  readonly timer: NodeJS.Timeout | undefined;
}

/** What is done to processes themselves: of several at one process, the last one tells how it is. */
const processFaults: readonly FaultName[] = [
  "kill",
  "hang",
  "slow",
  "cut-shard",
  "kill-all",
  "cut-replica",
  "stop-sentinels",
  "kafka-down",
];

/** What changes data or settings: not twice at a time, for the second one would take the first one's work for what was. */
const onceAtATime: readonly FaultName[] = [
  "fill-postgres-pool",
  "wrong-config",
  "forget-connections",
  "stick-counters",
  "lower-sequence",
  "stale-preferences",
  "saturate-filter",
  "fail-recovery",
  "drain-buckets",
  "break-sample",
];

/** What outlives the process that it was done to. */
const outlives: readonly FaultName[] = onceAtATime.filter((fault) => fault !== "fill-postgres-pool");

/** Injects faults one after the other and remembers how to undo them. */
export class FaultInjector {
  readonly #platform: FaultyPlatform;
  readonly #say: (line: string) => void;
  readonly #onChange: () => void;
  readonly #injections: ReturnType<typeof injections>;
  readonly #held = new Set<Held>();
  #turn: Promise<unknown> = Promise.resolve();

  /** `say` is told what happens, also when a fault undoes itself; `onChange` is called after whatever may change a pid. */
  constructor(platform: FaultyPlatform, say: (line: string) => void, onChange: () => void = () => undefined) {
    this.#platform = platform;
    this.#say = say;
    this.#onChange = onChange;
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
  async inject(request: FaultRequest): Promise<string> {
    const { told } = await this.#inTurn(() => this.#carryOut(request));
    return told;
  }

  /** The same, for who undoes this fault and no other: answers what does so, if it still holds by then. */
  async cause(request: FaultRequest): Promise<() => Promise<void>> {
    const { held } = await this.#inTurn(() => this.#carryOut(request));
    return () =>
      this.#inTurn(async () => {
        if (held !== undefined) await this.#end(held);
      });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work).finally(this.#onChange);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #carryOut(
    request: FaultRequest,
  ): Promise<{ readonly told: string; readonly held?: Held | undefined }> {
    const { fault, forMs } = request;
    if (fault === "heal") return { told: await this.#heal(request) };
    if (onceAtATime.includes(fault) && [...this.#held].some((held) => held.fault === fault)) {
      throw new RedisopsError("LAB_FAILED", `${fault} holds already`, { next: "redisops lab inject heal" });
    }
    const inject: Injection = this.#injections[fault];
    const done = await inject(request);
    const { target, what, undo } = done;
    await this.#endReplaced(fault, done);
    if (undo === undefined) return { told: this.#tell(what) };
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
    return { told: this.#tell(what), held };
  }

  /** Ends the faults that a new one takes the place of, and those that a process has lost by being ended. */
  async #endReplaced(fault: FaultName, { target, members }: Done): Promise<void> {
    const restarts = fault === "restart" || fault === "restart-empty";
    const onProcesses = restarts || processFaults.includes(fault);
    const ends = restarts || fault === "kill" || fault === "kill-all" || fault === "kafka-down";
    for (const held of [...this.#held]) {
      const same = held.fault === fault && held.target === target;
      if (processFaults.includes(held.fault)) {
        const covered = held.done.members.every((name) => members.includes(name) || this.#runs(name));
        if (onProcesses && held.done.members.some((name) => members.includes(name)) && covered) {
          clearTimeout(held.timer);
          this.#held.delete(held);
        }
      } else if (
        same ||
        (ends && !outlives.includes(held.fault) && held.done.members.some((name) => members.includes(name)))
      ) {
        await this.#undo(held).catch((error: unknown) => this.#say(messageOf(error)));
      }
    }
  }

  #runs(name: string): boolean {
    return this.#platform.members.some((member) => member.name === name && member.condition === "up");
  }

  /** The next fault should not come before a shard has its replica again; while another one is cut it cannot. */
  async #untilSettled(): Promise<void> {
    const { members, stores } = this.#platform;
    const nodes = members.filter(({ shard }) => shard !== undefined);
    if (nodes.every(({ name }) => this.#runs(name))) await stores.cluster.untilSettled();
  }

  #tell(what: string): string {
    this.#say(what);
    return what;
  }

  #undoLater(held: Held): void {
    this.#inTurn(() => this.#end(held)).catch((error: unknown) =>
      this.#say(`undoing ${held.fault} failed: ${messageOf(error)}`),
    );
  }

  /** Undoes it, if nothing else has, and lets a shard have its replica again. */
  async #end(held: Held): Promise<void> {
    if (!this.#held.has(held)) return;
    await this.#undo(held);
    const names = held.done.members;
    const nodes = this.#platform.members.filter(({ shard }) => shard !== undefined);
    if (processFaults.includes(held.fault) && nodes.some(({ name }) => names.includes(name))) {
      await this.#untilSettled();
    }
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
    if (meant.some(({ shard }) => shard !== undefined)) await attempt(this.#untilSettled());
    if (problems.length > 0)
      throw new RedisopsError("LAB_FAILED", `Not everything is healed: ${problems.join("; ")}`);
    const healed = [
      ...concerned.map(({ fault, target }) => `${fault} of ${target}`),
      ...down.map(({ name }) => `${name} was down`),
    ];
    return this.#tell(healed.length === 0 ? "there was nothing to heal" : `healed: ${healed.join(", ")}`);
  }
}
