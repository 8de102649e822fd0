import { performance } from "node:perf_hooks";
import type { Role } from "../catalog/roles.ts";
import { withDeadline } from "../core/deadline.ts";
import { RedisopsError, toRedisopsError } from "../core/errors.ts";
import { type Sample, sample } from "../core/samples.ts";
import { withSpan } from "../core/tracing.ts";

export type ProbeName = "redis" | "bloom" | "pending_deliveries" | "token_buckets" | "postgres" | "provider";

/** One thing that is probed. */
export interface Probe {
  readonly name: ProbeName;
  readonly role: Role;
  /** The role, or provider/account. */
  readonly target: string;
  /** Where it is, for a reader. */
  readonly address: string;
  /**
   * Observes and emits samples one by one, so that what was collected before a failure or the deadline counts.
   * Must be done before `left()`, in milliseconds, is 0; rejects with a RedisopsError.
   */
  run(emit: (sample: Sample) => void, left: () => number): Promise<void>;
}

/**
 * A probe is to be done in this share of its deadline. The rest is for its verdict: a server that hangs shall be
 * reported as hung rather than as a probe that was cut off.
 */
const verdictShare = 0.9;

/** Whole milliseconds that are left of a span that begins now; never less than one. */
export function countdown(milliseconds: number): () => number {
  const end = performance.now() + milliseconds;
  return () => Math.max(1, Math.ceil(end - performance.now()));
}

export interface ProbeResult {
  readonly probe: Probe;
  readonly samples: readonly Sample[];
  readonly seconds: number;
  readonly error: RedisopsError | undefined;
}

/** Runs a probe for at most `deadline` milliseconds. Never rejects: the failure is part of the result. */
export async function runProbe(probe: Probe, deadline: number): Promise<ProbeResult> {
  const labels = { probe: probe.name, role: probe.role, target: probe.target };
  const samples: Sample[] = [];
  let open = true;
  const emit = (observed: Sample) => {
    if (open) samples.push(observed);
  };
  const started = performance.now();
  let error: RedisopsError | undefined;
  try {
    await withSpan(
      `probe ${probe.name}`,
      { "redisops.role": probe.role, "redisops.target": probe.target },
      () =>
        withDeadline(
          probe.run(emit, countdown(deadline * verdictShare)),
          deadline,
          () =>
            new RedisopsError(
              "PROBE_TIMEOUT",
              `The ${probe.name} probe of ${probe.address} ran into its deadline`,
            ),
        ),
    );
  } catch (caught) {
    error = toRedisopsError(caught);
  }
  open = false;
  const seconds = (performance.now() - started) / 1000;
  samples.push(
    sample("redisops_probe_success", labels, error === undefined ? 1 : 0),
    sample("redisops_probe_duration_seconds", labels, seconds),
  );
  return { probe, samples, seconds, error };
}
