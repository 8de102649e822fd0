import { type ContractRule, contractRules, costOf } from "../../catalog/role-contract.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { askedNodes } from "./asked-nodes.ts";
import { type Finding, judgeNode, judgeReplicas } from "./contract.ts";
import { effectiveContract } from "./contract-terms.ts";
import { expectedReplicas, redundancyOf } from "./redundancy.ts";
import { RunState } from "./run-state.ts";

/** A rule of the contract against which servers are set up. */
export interface Violation {
  readonly rule: ContractRule;
  readonly observed: string;
  readonly declared: string;
  /** What it would cost in this role. */
  readonly cost: string;
  /** The servers, or shards, that it was found at. */
  readonly where: readonly string[];
}

/** What the latest run found, beside the metrics: words for a reader. */
export interface ContractProbe extends Probe {
  readonly violations: readonly Violation[];
  /** Rules of redisops.yaml that could not be judged, because no server that answered tells what it takes. */
  readonly unjudged: readonly ContractRule[];
}

interface Located extends Finding {
  readonly where: string;
}

function violationsOf(role: RedisRole, findings: readonly Located[]): Violation[] {
  const violations = new Map<string, Violation & { readonly where: string[] }>();
  for (const { rule, observed, declared, consequence, where } of findings) {
    if (consequence === undefined) continue;
    const cost = costOf(role, consequence);
    const key = [rule, observed, cost].join("\n");
    const known = violations.get(key);
    if (known === undefined) violations.set(key, { rule, observed, declared, cost, where: [where] });
    else known.where.push(where);
  }
  return [...violations.values()];
}

/** Whether the role's servers are set up as the role needs them to be. */
export function contractProbe(role: RedisRole, config: RedisConnectionConfig): ContractProbe {
  const runs = new RunState<Located[]>(() => []);
  const contract = effectiveContract(role, config);
  const latest: { violations: readonly Violation[]; unjudged: readonly ContractRule[] } = {
    violations: [],
    unjudged: [],
  };
  return {
    name: "contract",
    role,
    group: role,
    target: role,
    address: describeTarget(role, config),
    get violations() {
      return latest.violations;
    },
    get unjudged() {
      return latest.unjudged;
    },
    async run(_emit, scrape) {
      const connections = scrape.redis(role);
      const findings = runs.of(scrape);
      const topology = await connections.topology();
      const { asked } = askedNodes(topology.nodes);
      const addresses = new Set(asked.map(({ address }) => address));
      const expected = expectedReplicas(config, topology);
      const judged = asked.map(async ({ address }): Promise<RedisopsError | undefined> => {
        try {
          const found = judgeNode(contract, await connections.facts(address));
          findings.push(...found.map((finding) => ({ ...finding, where: address })));
          return undefined;
        } catch (error) {
          return toRedisopsError(error);
        }
      });
      const counted = topology.shards.map(async (shard) => {
        if (expected === undefined) return;
        const { inSync } = await redundancyOf(connections, shard, addresses);
        if (inSync === undefined) return;
        const where = topology.kind === "cluster" ? `shard ${shard.name}` : shard.primary;
        findings.push({ ...judgeReplicas(expected, inSync), where });
      });
      const [outcomes] = await Promise.all([Promise.all(judged), ...counted]);
      // A server that does not answer is the other probes’ news, as long as another one can be judged.
      const [failure] = outcomes;
      if (outcomes.every((outcome) => outcome !== undefined) && failure !== undefined) throw failure;
    },
    conclude(_error, _emitted, scrape) {
      const findings = runs.of(scrape);
      const rules = contractRules.filter((rule) => findings.some((finding) => finding.rule === rule));
      latest.violations = violationsOf(role, findings);
      latest.unjudged =
        findings.length === 0
          ? []
          : contractRules.filter((rule) => config.contract?.[rule] !== undefined && !rules.includes(rule));
      return rules.map((rule) => {
        const violated = findings.some(
          (finding) => finding.rule === rule && finding.consequence !== undefined,
        );
        return sample("redisops_role_contract_violated", { role, rule }, violated ? 1 : 0);
      });
    },
  };
}
