import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf, type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { countdown } from "../../exporters/probe.ts";
import { ProbeGroup } from "../../exporters/probe-group.ts";
import { askedNodes } from "../../exporters/redis/asked-nodes.ts";
import { contractProbe } from "../../exporters/redis/contract-probe.ts";
import { RoleConnections } from "../../exporters/redis/role-connections.ts";
import type { TopologyNode } from "../../exporters/redis/topology.ts";
import { type Check, checked, failure, requestDeadline } from "./check.ts";
import { clockCheck } from "./clock.ts";
import { grantingCommand } from "./redis-fixes.ts";
import { type Answering, answering } from "./redis-nodes.ts";
import { rightsChecks } from "./redis-rights-checks.ts";
import { sentinelChecks } from "./redis-sentinel-checks.ts";
import { isOlder } from "./versions.ts";

/** EVAL_RO, ACL key rules for reading alone (`%R~`) and `sentinel|...` subcommands came with it. */
const oldestRedis = "7.0";

function reachCheck(
  role: RedisRole,
  up: readonly Answering[],
  down: readonly (readonly [TopologyNode, RedisopsError])[],
): Check {
  const lines = [
    ...up.map(({ node, version }) => `${node.address} ${node.kind} ${version}`),
    ...down.map(([{ address, kind }, { message }]) => `${address} ${kind} failed: ${message}`),
  ];
  const status = down.some(([{ kind }]) => kind === "primary")
    ? "failed"
    : down.length > 0
      ? "warning"
      : "ok";
  return checked(`redis.${role}.reach`, status, lines.join("; "), down[0]?.[1].next);
}

function versionCheck(role: RedisRole, up: readonly Answering[]): Check {
  const id = `redis.${role}.version`;
  const old = up.filter(({ version }) => isOlder(version, oldestRedis));
  const versions = [...new Set(up.map(({ version }) => version))].join(", ");
  if (old.length === 0) return checked(id, "ok", versions);
  const where = old.map(({ node }) => node.address).join(", ");
  return checked(id, "failed", `${versions}: redisops needs ${oldestRedis} or later`, `Upgrade ${where}.`);
}

async function contractCheck(
  role: RedisRole,
  section: RedisConnectionConfig,
  config: Config,
): Promise<Check> {
  const id = `redis.${role}.contract`;
  const probe = contractProbe(role, section);
  const group = new ProbeGroup(role, [probe], config.roles, new Map(), 2 * requestDeadline);
  const [result] = await group.run(2 * requestDeadline);
  if (result?.error !== undefined) return failure(id, result.error);
  const { violations, unjudged } = probe;
  if (violations.length > 0) {
    return checked(
      id,
      "warning",
      violations
        .map(
          ({ rule, observed, declared, cost, where }) =>
            `${rule} is ${observed}, not ${declared}, on ${where.join(", ")}: ${cost}`,
        )
        .join("; "),
      "redisops runbook show RoleContractViolated",
    );
  }
  if (unjudged.length > 0) {
    return checked(
      id,
      "warning",
      `not told by the servers: ${unjudged.join(", ")}`,
      grantingCommand(section.username, ["+config|get"]),
    );
  }
  return checked(id, "ok", "the servers are set up as the role needs them");
}

/** What is checked of one role: its servers, versions, rights, clock and setting up. */
export async function redisChecks(role: RedisRole, config: Config, recoveries: boolean): Promise<Check[]> {
  const section = config.roles[role];
  if (section === undefined) return [];
  const sentinels = section.topology === "sentinel" ? await sentinelChecks(role, section) : [];
  const left = countdown(2 * requestDeadline);
  const connections = new RoleConnections(role, section, { left, trace: () => undefined }, new Map());
  const up: Answering[] = [];
  try {
    const { nodes } = await connections.topology();
    const down: [TopologyNode, RedisopsError][] = [];
    await Promise.all(
      askedNodes(nodes).asked.map(async (node) => {
        try {
          up.push(await answering(role, section, node));
        } catch (error) {
          down.push([node, toRedisopsError(error)]);
        }
      }),
    );
    up.sort((a, b) => nodes.indexOf(a.node) - nodes.indexOf(b.node));
    const reach = reachCheck(role, up, down);
    if (up.length === 0) return [...sentinels, reach];
    const [rights, contract] = await Promise.all([
      rightsChecks(role, section, config, up, recoveries),
      contractCheck(role, section, config),
    ]);
    const clocks = up.map(({ node, clock }) => ({ of: node.address, ...clock }));
    return [
      ...sentinels,
      reach,
      versionCheck(role, up),
      ...rights,
      contract,
      clockCheck(`redis.${role}.clock`, clocks),
    ];
  } catch (error) {
    const known = toRedisopsError(error);
    const target = describeTarget(role, section);
    const message = messageOf(known).includes(target) ? known.message : `${target}: ${known.message}`;
    return [...sentinels, checked(`redis.${role}.reach`, "failed", message, known.next)];
  } finally {
    connections.close();
    for (const { connection } of up) connection.close();
  }
}
