import { performance } from "node:perf_hooks";
import type { RedisRole, Role } from "../catalog/roles.ts";
import { withDeadline } from "../core/deadline.ts";
import { RedisopsError, toRedisopsError } from "../core/errors.ts";
import { type Sample, sample } from "../core/samples.ts";
import { withSpan } from "../core/tracing.ts";
import type { RoleConnections, RunContext } from "./redis/role-connections.ts";

export type ProbeName =
  | "redis"
  | "nodes"
  | "sentinels"
  | "cluster"
  | "contract"
  | "registry"
  | "rate_limit"
  | "sequence"
  | "bloom"
  | "pending_deliveries"
  | "token_buckets"
  | "postgres"
  | "pgbouncer"
  | "runs"
  | "preferences"
  | "provider";

/** What a probe has at hand while it runs. */
export interface Scrape extends RunContext {
  /** The role's servers, connected to once for all probes of the group. */
  redis(role: RedisRole): RoleConnections;
}

/** One thing that is probed. */
export interface Probe {
  readonly name: ProbeName;
  readonly role: Role;
  /** The role, `postgres` or provider/account: what `/probe?target=` names. Its probes share their connections. */
  readonly group: string;
  /** What is told apart in the series of the probe itself: the role, or provider/account. */
  readonly target: string;
  /** Where it is, for a reader. */
  readonly address: string;
  /**
   * Observes and emits samples one by one, so that what was collected before a failure or the deadline counts.
   * Must be done before `left()`, in milliseconds, is 0; rejects with a RedisopsError.
   */
  run(emit: (sample: Sample) => void, scrape: Scrape): Promise<void>;
  /**
   * Samples that sum up what was emitted and how the run ended; also asked for when it was cut off. `scrape` is the one
   * that the run was given, by which a probe can tell its runs apart.
   */
  conclude?(error: RedisopsError | undefined, emitted: readonly Sample[], scrape: Scrape): readonly Sample[];
}

/** Whole milliseconds that are left of a span that begins now; never less than one. */
export function countdown(milliseconds: number): () => number {
  const end = performance.now() + milliseconds;
  return () => Math.max(1, Math.ceil(end - performance.now()));
}

/** What was done since a moment, one line each. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #started = performance.now();

  readonly add = (line: string): void => {
    this.#lines.push(`${((performance.now() - this.#started) / 1000).toFixed(4)} s: ${line}`);
  };

  get lines(): readonly string[] {
    return [...this.#lines];
  }
}

export interface ProbeResult {
  readonly probe: Probe;
  readonly samples: readonly Sample[];
  readonly seconds: number;
  readonly error: RedisopsError | undefined;
  /** What it did, one line each. */
  readonly trace: readonly string[];
  /** When it was begun, in milliseconds since 1970. */
  readonly startedAt: number;
}

/** A run of one probe, which several scrapes may wait for. */
export class ProbeRun {
  readonly probe: Probe;
  readonly #emitted: Sample[] = [];
  readonly #trace = new Trace();
  readonly #connections: Trace;
  readonly #scrape: Scrape;
  readonly #startedAt = Date.now();
  readonly #started = performance.now();
  readonly #done: Promise<RedisopsError | undefined>;
  #seconds: number | undefined;

  /** Begins at once. `connections` tells what became of the connections that the group's probes share. */
  constructor(probe: Probe, scrape: Omit<Scrape, "trace">, connections: Trace) {
    this.probe = probe;
    this.#connections = connections;
    this.#scrape = { ...scrape, trace: this.#trace.add };
    this.#done = this.#run(this.#scrape);
  }

  /** Waits until the probe is done, or so many milliseconds. Answers the reason why it failed, if it did. */
  ended(milliseconds: number): Promise<RedisopsError | undefined> {
    const { name, address } = this.probe;
    const cutOff = () =>
      new RedisopsError("PROBE_TIMEOUT", `The ${name} probe of ${address} ran into its deadline`);
    return withDeadline(this.#done, milliseconds, cutOff).catch(toRedisopsError);
  }

  /** The result, or what there is of it after so many milliseconds. Never rejects: a failure is part of it. */
  async result(milliseconds: number): Promise<ProbeResult> {
    const { name, role, target } = this.probe;
    const error = await this.ended(milliseconds);
    const seconds = this.#seconds ?? this.#elapsed();
    const labels = { probe: name, role, target };
    return {
      probe: this.probe,
      samples: [
        ...this.#emitted,
        ...(this.probe.conclude?.(error, this.#emitted, this.#scrape) ?? []),
        sample("redisops_probe_success", labels, error === undefined ? 1 : 0),
        sample("redisops_probe_duration_seconds", labels, seconds),
      ],
      seconds,
      error,
      trace: [...this.#connections.lines, ...this.#trace.lines],
      startedAt: this.#startedAt,
    };
  }

  #elapsed(): number {
    return (performance.now() - this.#started) / 1000;
  }

  async #run(scrape: Scrape): Promise<RedisopsError | undefined> {
    const { name, role, target } = this.probe;
    try {
      await withSpan(`probe ${name}`, { "redisops.role": role, "redisops.target": target }, () =>
        this.probe.run((observed) => void this.#emitted.push(observed), scrape),
      );
      return undefined;
    } catch (caught) {
      return toRedisopsError(caught);
    } finally {
      this.#seconds = this.#elapsed();
    }
  }
}
