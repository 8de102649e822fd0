import type { Registry } from "prom-client";
import type { RedisRole } from "../../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import type { PostgresConnectionConfig } from "../../../fallbacks/guard/guarded-postgres.ts";
import type { GuardOptions } from "../../../fallbacks/guard/guarded-store.ts";

/** What made a decision: the role's Redis, or the fallback that the seeds give the role. */
export type Verdict = "normal" | "degraded";

/** What a role's client is opened on. */
export interface Environment {
  /** The role's Redis: standalone, Sentinel or Cluster. */
  readonly connection: RedisConnectionConfig;
  /** Pass it to the client as it is: deadline, breaker and the registry of this environment. */
  readonly guard: GuardOptions & { readonly metrics: Registry };
  /** An own, empty database that stays well under every fault; started when it is first asked for. */
  postgres(): Promise<PostgresConnectionConfig>;
}

/** A role's client, opened. */
export interface OpenSubject {
  /** Waits for the first connection; false when it does not come about in so many milliseconds. */
  ready(milliseconds: number): Promise<boolean>;
  /**
   * Makes one decision about `keyOf(n)`. Must not reject under any fault; what the fallback does beyond being one (its
   * value, say) may be asserted here.
   */
  decide(n: number): Promise<Verdict>;
  close(): Promise<void>;
}

/** One role under the conformance suite (test/integration/fallbacks-faults.test.ts). */
export interface Subject {
  readonly role: RedisRole;
  readonly topologies: readonly RedisConnectionConfig["topology"][];
  /**
   * Whether its decision changes the store. A decision that only reads stays normal on a server that refuses no more
   * than writes (read-only, out of memory, too few replicas, no snapshot).
   */
  readonly writes: boolean;
  /** The Redis key that the n-th decision is about; its slot says which server of a cluster decides. */
  keyOf(n: number): string;
  open(environment: Environment): Promise<OpenSubject>;
}
