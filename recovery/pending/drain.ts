import { setTimeout as delay } from "node:timers/promises";
import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { RecoveryContext, Run } from "../recovery.ts";
import { eachChunk } from "../run/each-chunk.ts";
import { Destinations } from "./destinations.ts";
import { Lane, type LaneWork, type Tally } from "./lane.ts";
import type { PendingConfig, PendingDetails } from "./pending-config.ts";
import { rangesOf, type UserRange } from "./ranges.ts";
import { Refusals } from "./refusals.ts";
import { DeliveryWindow } from "./window.ts";

/** Batches at the same time, each on connections of its own. */
const mostLanes = 4;
/**
 * Share of Postgres's table of locks that one process takes: a batch holds the lock of each of its users, and the table
 * has max_locks_per_transaction of them for each connection that there may be.
 */
const lockShare = 1 / 8;
const mostLocksPerTurn = 1_000;
/** Deadlines after which a destination that has not acknowledged anything meanwhile is given up. */
const givenUpAfter = 10;
/** And at least this many milliseconds. */
const leastGiveUpMs = 10_000;
/** Milliseconds from a pass that could hand nothing over to the next one. */
const idleMs = 250;
/** Passes in which only messages that came in meanwhile were found, one after the other, until it is enough. */
const passesOfNew = 5;
/** Milliseconds without any message handed over or set aside after which what is left is left. */
const stalledMs = 20_000;

/** How a drain ended. */
export interface DrainEnd {
  /** Whether a whole pass found nobody who is connected and has messages that could be handed over. */
  readonly caughtUp: boolean;
  /** Connected users whom the last pass had to leave. */
  readonly left: number;
}

/** A process's part in a drain. */
export class Drain {
  readonly tally: Tally = { delivered: 0, deliveredBefore: 0, setAside: 0, left: 0, notThere: 0 };
  readonly #context: RecoveryContext<"pending">;
  readonly #details: PendingDetails;
  readonly #run: Run;
  readonly #stop = new AbortController();
  readonly #work: LaneWork;
  readonly #giveUpMs: number;
  #lanes: Lane[] = [];

  constructor(
    context: RecoveryContext<"pending">,
    pending: PendingConfig,
    details: PendingDetails,
    run: Run,
  ) {
    const { delivery_deadline, delivery_latency } = context.config.recovery.pending;
    this.#context = context;
    this.#details = details;
    this.#run = run;
    this.#giveUpMs = Math.max(leastGiveUpMs, givenUpAfter * parseDuration(delivery_deadline));
    this.#work = {
      config: context.config,
      pending,
      startedAt: details.startedAt,
      window: new DeliveryWindow(parseDuration(delivery_latency), mostLanes),
      destinations: new Destinations(this.#giveUpMs),
      refusals: new Refusals(),
      tally: this.tally,
      locks: { perTurn: mostLocksPerTurn },
      signal: AbortSignal.any([context.signal, this.#stop.signal]),
      pace: (items) => run.pace(items),
      onProgress: () => {
        const { delivered } = this.tally;
        context.onProgress({
          phase: "drain",
          done: delivered,
          total: Math.max(delivered, details.waiting),
          unit: "messages",
        });
      },
    };
  }

  /** Opens the connections. Rejects with a RedisopsError. */
  async open(): Promise<void> {
    const first = await Lane.open(this.#work);
    this.#lanes = [first];
    this.#work.locks.perTurn = Math.min(
      mostLocksPerTurn,
      Math.max(1, Math.floor(((await first.lockSlots()) * lockShare) / mostLanes)),
    );
    const others = await Promise.allSettled(
      Array.from({ length: mostLanes - 1 }, () => Lane.open(this.#work)),
    );
    for (const other of others) {
      if (other.status === "fulfilled") this.#lanes.push(other.value);
    }
    // A Postgres with few connections left is served by fewer lanes.
    const refused = this.#lanes.length < mostLanes;
    if (refused)
      this.#context.onWarning(`Postgres gave only ${this.#lanes.length} of ${mostLanes} connections`);
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** Works on the run's ranges until none remains. */
  async shared(): Promise<void> {
    const ranges = rangesOf(this.#details.boundaries);
    await this.#inAllLanes((lane) =>
      eachChunk<never>(this.#run, this.#work.signal, async (chunk) => {
        const range = ranges[Number(chunk.id)];
        if (range !== undefined) await lane.serveRange(range);
      }),
    );
  }

  /** Passes over everybody until one finds nobody who can be served. */
  async catchUp(): Promise<DrainEnd> {
    let lastProgress = performance.now();
    for (let ofNew = 0; ; ) {
      const before = { ...this.tally };
      this.tally.left = 0;
      await this.#pass(rangesOf(this.#details.boundaries));
      const { delivered, deliveredBefore, setAside, left } = this.tally;
      const progress = delivered > before.delivered || setAside > before.setAside;
      if (!progress && left === 0) return { caughtUp: true, left: 0 };
      const old = deliveredBefore > before.deliveredBefore || setAside > before.setAside || left > 0;
      ofNew = old ? 0 : ofNew + 1;
      if (ofNew >= passesOfNew) return { caughtUp: true, left: 0 };
      if (progress) lastProgress = performance.now();
      else if (performance.now() - lastProgress > Math.max(stalledMs, 2 * this.#giveUpMs)) {
        return { caughtUp: false, left };
      } else {
        await delay(idleMs, undefined, { signal: this.#work.signal }).catch(() => undefined);
        this.#work.signal.throwIfAborted();
      }
    }
  }

  async #pass(ranges: readonly UserRange[]): Promise<void> {
    const open = ranges.values();
    await this.#inAllLanes(async (lane) => {
      for (const range of open) await lane.serveRange(range);
    });
  }

  /** Does the work in every lane; the first failure ends the others, after the batches that are on their way. */
  async #inAllLanes(work: (lane: Lane) => Promise<void>): Promise<void> {
    const outcomes = await Promise.allSettled(
      this.#lanes.map(async (lane) => {
        try {
          await work(lane);
        } catch (error) {
          this.#stop.abort(error);
          throw error;
        }
      }),
    );
    this.#context.signal.throwIfAborted();
    const failed = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
    const [first] = [...failed.filter((reason) => reason instanceof RedisopsError), ...failed];
    if (first !== undefined) throw first;
  }
}
