import type { DegradationMode } from "../../../catalog/mode.ts";
import { modes } from "../../../catalog/modes.ts";
import { type RedisRole, redisRoles } from "../../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import type { Config } from "../../../core/config/schema.ts";
import { messageOf } from "../../../core/errors.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { RoleConnections } from "../../../exporters/redis/role-connections.ts";
import type { Topology } from "../../../exporters/redis/topology.ts";
import type { Drill } from "../drill.ts";
import type { DrillFault } from "../target.ts";
import { holdConnections, sessionTimeoutSeconds } from "./hold-connections.ts";
import { pauseEndsWithinSeconds, pauseServers } from "./pause-servers.ts";
import { contradictingPolicy, evictionPolicy, policyByHand, setWrongPolicy } from "./wrong-policy.ts";

/** A drill that a staging platform is given, with its faults. */
export interface StagingDrill extends Drill {
  readonly faults: readonly DrillFault[];
}

/** What can be rehearsed on a platform, and by mode why something cannot. */
export interface StagingDrills {
  readonly drills: readonly StagingDrill[];
  readonly refusals: ReadonlyMap<string, string>;
}

/** The mode that each role is in while its servers answer nothing. */
const withoutRole: Readonly<Record<RedisRole, string>> = {
  registry: "RegistryDown",
  rate_limit: "RateLimitFailOpen",
  sequence: "SequenceFallback",
  preferences: "PreferencesCacheDown",
  dedup: "DedupSkipped",
  token_bucket: "TokenBucketsDown",
};

/** A wrong policy is tried on a cache first, which can lose anything. */
const policyOrder: readonly RedisRole[] = [
  "preferences",
  ...redisRoles.filter((role) => role !== "preferences"),
];

/** Longest time to find out which servers a role has, in milliseconds. */
const deadline = 5_000;

const byId = (...ids: readonly string[]): DegradationMode[] => modes.filter(({ id }) => ids.includes(id));

interface KnownRole {
  readonly role: RedisRole;
  readonly config: RedisConnectionConfig;
  readonly topology: Topology;
}

async function topologyOf(role: RedisRole, config: RedisConnectionConfig): Promise<Topology> {
  const end = performance.now() + deadline;
  const context = { left: () => Math.max(1, end - performance.now()), trace: () => undefined };
  const connections = new RoleConnections(role, config, context, new Map());
  try {
    return await connections.topology();
  } finally {
    connections.close();
  }
}

const primaries = ({ topology }: KnownRole) => topology.shards.map(({ primary }) => primary);

const pauseByHand = `nothing: the servers answer again ${pauseEndsWithinSeconds} s after redisops has ended, at the latest`;

function pauseFault({ role, config }: KnownRole, addresses: readonly string[]): DrillFault {
  return {
    what: `pause ${addresses.join(", ")} (${role})`,
    byHand: pauseByHand,
    cause: () => pauseServers(role, config, addresses),
  };
}

/** Pauses all primaries of a role, which may be other roles’ as well. */
function roleDrill(known: KnownRole, all: readonly KnownRole[]): StagingDrill {
  const addresses = primaries(known);
  const reached = all.filter((other) => primaries(other).some((address) => addresses.includes(address)));
  return {
    inject: [`pause --role ${known.role}`],
    modes: byId("RedisHung", ...reached.map(({ role }) => withoutRole[role])),
    faults: [pauseFault(known, addresses)],
  };
}

/** Pauses one primary of a cluster; its nodes talk on a port of their own, so that no replica takes over. */
function shardDrill(known: KnownRole): StagingDrill[] {
  const [shard, other] = known.topology.shards;
  if (known.topology.kind !== "cluster" || shard === undefined || other === undefined) return [];
  return [
    {
      inject: [`pause --role ${known.role} --shard ${shard.name}`],
      modes: byId("RedisShardDown"),
      faults: [pauseFault(known, [shard.primary])],
    },
  ];
}

/** A wrong eviction policy on one server, of a role that has a right one. */
async function policyDrill({ role, config, topology }: KnownRole): Promise<StagingDrill | undefined> {
  const wrong = contradictingPolicy(role, config);
  const address = topology.shards[0]?.primary;
  if (wrong === undefined || address === undefined) return undefined;
  const before = await evictionPolicy(role, config, address);
  return {
    inject: [`wrong-policy --role ${role}`],
    modes: byId("RoleContractViolated"),
    faults: [
      {
        what: `${address} (${role}): maxmemory-policy ${wrong} instead of ${before}`,
        byHand: policyByHand(address, before),
        cause: () => setWrongPolicy(role, config, address, { before, wrong }),
      },
    ],
  };
}

function connectionsDrill({ postgres, thresholds }: Config): StagingDrill[] {
  const own = byId("PostgresPoolSaturated");
  const [mode] = own;
  if (postgres === undefined || mode === undefined) return [];
  const share = Number(effectiveThresholds(mode, thresholds).used_ratio);
  return [
    {
      inject: ["hold-connections --role postgres"],
      modes: own,
      faults: [
        {
          what: `take connections of Postgres until more than ${share * 100} % are in use`,
          byHand: `nothing: the connections end with redisops, or ${sessionTimeoutSeconds} s after its last word`,
          cause: () => holdConnections(postgres, share),
        },
      ],
    },
  ];
}

/** Why a mode is not rehearsed on a platform that is not the lab’s. */
function refusalOf({ drill }: DegradationMode): string {
  if (drill.kind === "none") return drill.reason;
  return `what brings it about (${drill.inject.join(", then ")}) stops processes or changes data, and has no undo from outside`;
}

const sentinelRefusal = "its Sentinels would replace a primary that is paused, and a failover has no undo";

/** Finds out what can be rehearsed on the platform that the configuration describes. Changes nothing. Never rejects. */
export async function stagingDrills(config: Config): Promise<StagingDrills> {
  const refusals = new Map(modes.map((mode) => [mode.id, refusalOf(mode)]));
  const known: KnownRole[] = [];
  await Promise.all(
    redisRoles.map(async (role) => {
      const own = config.roles[role];
      if (own === undefined) {
        refusals.set(withoutRole[role], `redisops.yaml has no role ${role}`);
      } else if (own.topology === "sentinel") {
        refusals.set(withoutRole[role], sentinelRefusal);
      } else {
        try {
          known.push({ role, config: own, topology: await topologyOf(role, own) });
        } catch (error) {
          refusals.set(withoutRole[role], messageOf(error));
        }
      }
    }),
  );
  known.sort((a, b) => redisRoles.indexOf(a.role) - redisRoles.indexOf(b.role));
  const drills = [
    ...known.map((role) => roleDrill(role, known)),
    ...known.flatMap(shardDrill).slice(0, 1),
    ...connectionsDrill(config),
  ];
  for (const role of policyOrder) {
    const found = known.find((each) => each.role === role);
    const drill = found === undefined ? undefined : await policyDrill(found).catch(() => undefined);
    if (drill === undefined) continue;
    drills.push(drill);
    break;
  }
  for (const { id } of drills.flatMap((drill) => drill.modes)) refusals.delete(id);
  return { drills, refusals };
}
