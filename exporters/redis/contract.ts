import type { Consequence, ContractRule, RoleContract } from "../../catalog/role-contract.ts";
import { sizeInBytes } from "./contract-terms.ts";
import type { NodeFacts } from "./node-facts.ts";

/** How one server or shard stands to one rule of the contract. */
export interface Finding {
  readonly rule: ContractRule;
  /** What is live, in the words of the declaration. */
  readonly observed: string;
  readonly declared: string;
  /** What follows from it; undefined where it is as declared. */
  readonly consequence: Consequence | undefined;
}

type Live = Pick<NodeFacts, "info" | "settings">;

function persistence(wanted: string, { info, settings }: Live): Omit<Finding, "rule"> | undefined {
  const aof = info?.either("aof_enabled", "1", "0");
  const save = settings.get("save");
  const rdb = save === undefined ? undefined : save.trim() !== "";
  const found = (observed: string, consequence: Consequence | undefined) => ({
    declared: wanted,
    observed,
    consequence,
  });
  if (aof === true) return found("aof", wanted === "none" ? "old_at_restart" : undefined);
  if (aof === undefined) return undefined;
  if (rdb === true) {
    return found(
      "rdb",
      wanted === "aof" ? "lost_at_restart" : wanted === "none" ? "old_at_restart" : undefined,
    );
  }
  if (wanted === "aof") return found(rdb === undefined ? "rdb or none" : "none", "lost_at_restart");
  // INFO alone does not tell whether snapshots are made.
  if (rdb === undefined) return undefined;
  return found("none", wanted === "rdb" ? "lost_at_restart" : undefined);
}

function eviction(wanted: string, { info }: Live): Omit<Finding, "rule"> | undefined {
  const policy = info?.text("maxmemory_policy");
  if (policy === undefined || !/^[a-z-]{1,32}$/.test(policy)) return undefined;
  const evicts = policy !== "noeviction";
  const fits =
    wanted === policy ||
    (wanted === "evicting" && evicts) ||
    (/^(?:allkeys|volatile)$/.test(wanted) && policy.startsWith(`${wanted}-`));
  // Without a limit nothing is ever refused for it.
  const harmless = wanted !== "noeviction" && !evicts && info?.number("maxmemory") === 0;
  const consequence = evicts && wanted !== "evicting" ? "evicted" : "refused_when_full";
  return {
    declared: wanted,
    observed: harmless ? `${policy} without a memory limit` : policy,
    consequence: fits || harmless ? undefined : consequence,
  };
}

function minReplicas(wanted: number, { info, settings }: Live): Omit<Finding, "rule"> | undefined {
  const setting = settings.get("min-replicas-to-write");
  const told = setting !== undefined && /^\d{1,9}$/.test(setting) ? Number(setting) : undefined;
  // INFO has this field only while the setting is on.
  const on = info === undefined ? undefined : info.text("min_slaves_good_slaves") !== undefined;
  const value = told ?? (on === false ? 0 : undefined);
  if (value === undefined) {
    if (on !== true || wanted > 1) return undefined;
    const consequence = wanted === 0 ? "refused_without_replica" : undefined;
    return { declared: String(wanted), observed: "on", consequence };
  }
  const consequence =
    wanted === 0 && value > 0 ? "refused_without_replica" : value < wanted ? "lost_at_failover" : undefined;
  return { declared: String(wanted), observed: String(value), consequence };
}

function maxmemory(wanted: string, { info }: Live): Omit<Finding, "rule"> | undefined {
  const limit = info?.count("maxmemory");
  if (limit === undefined) return undefined;
  const word = wanted.toLowerCase();
  const bytes = sizeInBytes(wanted);
  const fits = word === "limited" ? limit > 0 : limit === (bytes ?? 0);
  return {
    declared: wanted,
    observed: limit === 0 ? "unlimited" : `${limit} bytes`,
    consequence: fits ? undefined : limit === 0 ? "unlimited" : "limited_otherwise",
  };
}

/** How one server stands to the contract; without the rules that are not judged or cannot be known. */
export function judgeNode(contract: RoleContract, live: Live): readonly Finding[] {
  const found: readonly [ContractRule, Omit<Finding, "rule"> | undefined][] = [
    ["persistence", contract.persistence && persistence(contract.persistence, live)],
    ["eviction", contract.eviction && eviction(contract.eviction, live)],
    [
      "min_replicas_to_write",
      contract.min_replicas_to_write === undefined
        ? undefined
        : minReplicas(contract.min_replicas_to_write, live),
    ],
    ["maxmemory", contract.maxmemory === undefined ? undefined : maxmemory(contract.maxmemory, live)],
  ];
  return found.flatMap(([rule, finding]) => (finding === undefined ? [] : [{ rule, ...finding }]));
}

/** How one shard stands to the number of replicas that it should have. */
export function judgeReplicas(expected: number, inSync: number): Finding {
  return {
    rule: "replicas",
    declared: `${expected} in sync`,
    observed: `${inSync} in sync`,
    consequence: inSync >= expected ? undefined : inSync > 0 ? "fewer_spares" : "no_spare",
  };
}
