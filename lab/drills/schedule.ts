import type { RedisRole } from "../../catalog/roles.ts";
import type { Drill } from "../../operations/drills/drill.ts";
import { alone } from "../../operations/drills/schedule.ts";
import type { FaultName } from "../platform/faults.ts";

import { faultOf } from "./fault-words.ts";

/** Drills of one lane follow one another; lanes run beside one another, as their faults do not reach across. */
export type Lane = "registry" | "counters" | "filter" | "cluster" | typeof alone;

/** Roles that one lane's faults act on, and no other's. */
const laneRoles: Readonly<Record<Exclude<Lane, typeof alone>, readonly RedisRole[]>> = {
  registry: ["registry"],
  counters: ["rate_limit", "sequence"],
  filter: ["dedup"],
  cluster: ["preferences", "token_bucket"],
};

/** Where a fault without `--role` acts. */
const byFault: Readonly<Partial<Record<FaultName, Lane>>> = {
  "forget-connections": "registry",
  "stick-counters": "counters",
  "lower-sequence": "counters",
  "stop-sentinels": "filter",
  "saturate-filter": "filter",
  "fail-recovery": "filter",
  "cut-shard": "cluster",
  "provider-429": "cluster",
  "stale-preferences": "cluster",
  "drain-buckets": "cluster",
  "break-sample": "cluster",
};

/** Where a fault of a role acts, or of a process. */
const byTarget: Readonly<Partial<Record<string, Lane>>> = {
  ...Object.fromEntries(
    Object.entries(laneRoles).flatMap(([lane, roles]) => roles.map((role) => [role, lane as Lane])),
  ),
  "delivery-worker": "registry",
};

function laneOfFault(words: string): Lane {
  const { fault, role } = faultOf(words);
  return (role === undefined ? byFault[fault] : byTarget[role]) ?? alone;
}

/** The lane of a drill; what reaches several of them, as Postgres does, runs alone. */
export function laneOf({ inject }: Drill): Lane {
  const [lane = alone, ...others] = new Set(inject.map(laneOfFault));
  return others.length === 0 ? lane : alone;
}

/** Whether a series may come from a drill's faults: other roles' may come from another lane's. */
export function concerns(drill: Drill, labels: Readonly<Record<string, string>>): boolean {
  const lane = laneOf(drill);
  if (lane === alone || labels.role === undefined) return true;
  return (laneRoles[lane] as readonly string[]).includes(labels.role);
}
