import type { RedisRole } from "../../catalog/roles.ts";
import { isAlive } from "../process-tree.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";

/** What every server of the lab can be made to do. */
export interface Handle {
  readonly pid: number;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Where it can start again with what it has stored. */
  restart?(options: { readonly empty: boolean }): Promise<void>;
}

/** What a process of the platform is. */
export interface MemberOptions {
  /** Unique in the platform; `lab inject --role` takes it. */
  readonly name: string;
  /** Its part in the platform, in a few words. */
  readonly part: string;
  /** The Redis roles that it serves. */
  readonly roles?: readonly RedisRole[];
  /** Its shard of the Redis Cluster, counted from 0. */
  readonly shard?: number;
  readonly port?: number;
}

/** How a member is. `slow` and `hung` are known only of those that a fault made so. */
export type Condition = "up" | "slow" | "hung" | "down";

/** Milliseconds that a slow member is stopped for in each period, see {@link Member.slow}. */
const stoppedMs = 400;
const periodMs = 500;

/** A process of the platform with the faults that it can be given. */
export class Member {
  readonly name: string;
  readonly part: string;
  readonly roles: readonly RedisRole[];
  readonly shard: number | undefined;
  readonly port: number | undefined;
  readonly #startAnew: (() => Promise<Handle>) | undefined;
  #handle: Handle;
  #identity: ProcessIdentity | undefined;
  #condition: "up" | "slow" | "hung" = "up";
  #slowing: NodeJS.Timeout | undefined;

  /** `startAnew` is for a handle that has no `restart` of its own. */
  constructor(options: MemberOptions, handle: Handle, startAnew?: () => Promise<Handle>) {
    this.name = options.name;
    this.part = options.part;
    this.roles = options.roles ?? [];
    this.shard = options.shard;
    this.port = options.port;
    this.#handle = handle;
    this.#startAnew = startAnew;
    this.#identity = identify(handle.pid);
  }

  /** Starts a process that is a member as soon as it is ready. */
  static async start(options: MemberOptions, start: () => Promise<Handle>): Promise<Member> {
    return new Member(options, await start(), start);
  }

  /** The pid of the current process, also after it ended. */
  get pid(): number {
    return this.#handle.pid;
  }

  /** The current process as it was when it started, for whoever meets its pid later. */
  get identity(): ProcessIdentity | undefined {
    return this.#identity;
  }

  get running(): boolean {
    return isAlive(this.pid);
  }

  get condition(): Condition {
    return this.running ? this.#condition : "down";
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.resume();
    await this.#handle.kill();
  }

  /** SIGSTOP: its sockets stay open and nothing answers. */
  pause(): void {
    this.#endSlowness();
    this.#handle.pause();
    this.#condition = "hung";
  }

  /**
   * Lets it run for only a fifth of the time, in slices: whatever it does takes up to 400 ms longer, as on a machine that
   * others keep busy. Works alike for every server.
   */
  slow(): void {
    this.resume();
    this.#condition = "slow";
    let wake: NodeJS.Timeout | undefined;
    this.#slowing = setInterval(() => {
      this.#handle.pause();
      clearTimeout(wake);
      wake = setTimeout(() => {
        if (this.#condition !== "hung") this.#handle.resume();
      }, stoppedMs);
    }, periodMs);
  }

  /** Ends {@link pause} and {@link slow}. */
  resume(): void {
    this.#endSlowness();
    this.#handle.resume();
    this.#condition = "up";
  }

  /** Starts it again, stopping it first if it runs; `empty` without what it has stored. */
  async restart(options: { readonly empty: boolean }): Promise<void> {
    this.resume();
    if (this.#handle.restart !== undefined) await this.#handle.restart(options);
    else {
      if (this.#startAnew === undefined) throw new Error(`${this.name} cannot be started again`);
      await this.#handle.kill();
      this.#handle = await this.#startAnew();
    }
    this.#identity = identify(this.pid);
  }

  #endSlowness(): void {
    clearInterval(this.#slowing);
    this.#slowing = undefined;
  }
}
