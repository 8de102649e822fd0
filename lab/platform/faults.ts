/** What can be done to the platform, as `redisops lab inject` lists it. */
export const faults = {
  kill: "SIGKILL to the role's server: refused until healed",
  hang: "SIGSTOP: the connections stay, nothing answers",
  slow: "the server runs a fifth of the time, in slices: answers take up to 400 ms longer",
  restart: "stops and starts the server with what it has stored; a node of the cluster has nothing",
  "restart-empty": "starts the server again without its data",
  failover: "makes a replica the primary, of the filter or of a shard of the cluster",
  "cut-shard": "SIGKILL to a shard's primary and replica: its slots are served by nobody",
  "kill-all": "SIGKILL to every server of a role: nothing is left to take over",
  "cut-replica": "SIGKILL to the replicas of a role's server",
  "stop-sentinels": "SIGKILL to two of the three Sentinels: the next failover finds no majority",
  "wrong-config": "CONFIG SET of what contradicts the role, on all of its servers",
  "fill-postgres-pool": "takes PgBouncer's whole pool and most of Postgres's connections, and keeps them",
  "provider-429": "makes a provider's account, or all of them, answer 429",
  "forget-connections": "deletes the registry's entries, and lets heartbeats only prolong what is there",
  "stick-counters": "leaves rate counters of some users without a time to live",
  "lower-sequence": "lets all sequence counters begin at 0 again, below the ids that are in use",
  "stale-preferences": "opts people out in Postgres without the workers hearing of it",
  "saturate-filter": "sets so many bits of the filter that it suppresses what was never sent",
  "drain-buckets": "takes the tokens of ten minutes out of every account's bucket",
  "break-sample": "renames a column of preference_changes that the exporter reads",
  "fail-recovery": "runs a rebuild of the filter while its server refuses writes, so that it fails",
  "kafka-down": "SIGKILL to Kafka",
  heal: "undoes every fault, or those of one role",
} as const;

export type FaultName = keyof typeof faults;

/** One request to `lab inject`. */
export interface FaultRequest {
  readonly fault: FaultName;
  /** A Redis role or a process of the platform. */
  readonly role?: string | undefined;
  /** A shard of the cluster, counted from 0. */
  readonly shard?: number | undefined;
  /** A provider of redisops.yaml. */
  readonly provider?: string | undefined;
  /** One of its accounts; all when left out. */
  readonly account?: string | undefined;
  /** Milliseconds after which the fault is undone; never when left out. */
  readonly forMs?: number | undefined;
}

/** A fault that holds. */
export interface ActiveFault {
  readonly fault: FaultName;
  readonly target: string;
  /** ISO time. */
  readonly since: string;
  /** ISO time at which it undoes itself; null when it does not. */
  readonly until: string | null;
}
