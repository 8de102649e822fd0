import { redisRoles } from "../catalog/roles.ts";
import type { Config } from "../core/config/schema.ts";
import { parseDuration } from "../core/duration.ts";
import { bloomProbe, KnownSentIds } from "./bloom-probe.ts";
import { pendingProbe } from "./pending-probe.ts";
import { postgresProbe } from "./postgres-probe.ts";
import type { Probe, ProbeName, ProbeResult } from "./probe.ts";
import { ProbeGroup } from "./probe-group.ts";
import { ProviderCounts, providerProbe } from "./provider-probe.ts";
import { availabilityProbe } from "./redis/availability-probe.ts";
import type { KnownNodes } from "./redis/role-connections.ts";
import { tokenBucketProbe } from "./token-bucket-probe.ts";

/** The little that outlives a scrape, and also the configuration that it was made with. */
export class ProbeMemory {
  readonly providerCounts = new ProviderCounts();
  readonly knownNodes: KnownNodes = new Map();
}

function roleProbes({ roles, postgres, providers, exporter }: Config): Probe[] {
  const probes: Probe[] = redisRoles.flatMap((role) => {
    const section = roles[role];
    return section === undefined ? [] : [availabilityProbe(role, section)];
  });
  if (roles.dedup !== undefined) {
    const source = postgres?.tables.sent_notifications;
    const knownSent =
      postgres === undefined || source === undefined
        ? undefined
        : new KnownSentIds(postgres, source, exporter.canary_ids);
    probes.push(bloomProbe(roles.dedup, knownSent));
  }
  if (roles.token_bucket !== undefined) probes.push(tokenBucketProbe(roles.token_bucket, providers));
  return probes;
}

function postgresProbes({ roles, postgres, exporter }: Config): Probe[] {
  if (postgres === undefined) return [];
  const pending = postgres.tables.pending_deliveries;
  return [
    postgresProbe(postgres),
    ...(pending === undefined
      ? []
      : [pendingProbe(postgres, pending, roles.registry, exporter.pending_count_limit)]),
  ];
}

function providerProbes({ providers }: Config, memory: ProbeMemory): Probe[] {
  return Object.entries(providers).flatMap(([provider, section]) =>
    Object.keys(section.accounts).map((account) =>
      providerProbe(provider, account, section, memory.providerCounts),
    ),
  );
}

/** The probes of everything that a configuration names. */
export class Probes {
  readonly all: readonly Probe[];
  /** By name: a role, `postgres`, or provider/account. */
  readonly groups: ReadonlyMap<string, ProbeGroup>;

  constructor(config: Config, memory: ProbeMemory = new ProbeMemory()) {
    this.all = [...roleProbes(config), ...postgresProbes(config), ...providerProbes(config, memory)];
    const timeout = parseDuration(config.exporter.probe_timeout);
    const names = new Set(this.all.map(({ group }) => group));
    this.groups = new Map(
      [...names].map((name) => {
        const own = this.all.filter(({ group }) => group === name);
        return [name, new ProbeGroup(name, own, config.roles, memory.knownNodes, timeout)];
      }),
    );
  }

  /** Runs all probes at once, each for at most `deadline` milliseconds or the configured probe timeout. */
  async run(deadline = Number.POSITIVE_INFINITY): Promise<ProbeResult[]> {
    const results = await Promise.all([...this.groups.values()].map((group) => group.run(deadline)));
    return results.flat();
  }

  /** Runs one group's probes, or those of one kind. Throws when there is no such group. */
  async runGroup(name: string, deadline: number, module?: ProbeName): Promise<ProbeResult[]> {
    const group = this.groups.get(name);
    if (group === undefined) throw new Error(`there is no group ${name}`);
    return group.run(deadline, module);
  }
}
