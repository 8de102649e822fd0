import { redisRoles } from "../catalog/roles.ts";
import type { Config } from "../core/config/schema.ts";
import { parseDuration } from "../core/duration.ts";
import { JobMemory, jobProbes } from "./job-probes.ts";
import { pendingProbe } from "./pending-probe.ts";
import { pgbouncerProbe } from "./postgres/pgbouncer-probe.ts";
import { postgresProbe } from "./postgres/postgres-probe.ts";
import { PreferencesMemory } from "./preferences/preferences-memory.ts";
import { preferencesProbe } from "./preferences/preferences-probe.ts";
import type { Probe, ProbeName, ProbeResult } from "./probe.ts";
import { ProbeGroup } from "./probe-group.ts";
import { ProviderCounts, providerProbes } from "./provider-probe.ts";
import { availabilityProbe } from "./redis/availability-probe.ts";
import type { KnownNodes } from "./redis/role-connections.ts";
import { serverProbes } from "./redis/server-probes.ts";
import { runsProbe } from "./runs-probe.ts";
import { tokenBucketProbe } from "./token-bucket-probe.ts";

/** The little that outlives a scrape, and also the configuration that it was made with. */
export class ProbeMemory {
  readonly providerCounts = new ProviderCounts();
  readonly knownNodes: KnownNodes = new Map();
  readonly preferences = new PreferencesMemory();
  readonly jobs = new JobMemory();
}

function roleProbes({ roles, providers }: Config): Probe[] {
  const probes: Probe[] = redisRoles.flatMap((role) => {
    const section = roles[role];
    return section === undefined ? [] : [availabilityProbe(role, section), ...serverProbes(role, section)];
  });
  if (roles.token_bucket !== undefined) probes.push(tokenBucketProbe(roles.token_bucket, providers));
  return probes;
}

function postgresProbes({ roles, postgres, exporter }: Config): Probe[] {
  if (postgres === undefined) return [];
  const pending = postgres.tables.pending_deliveries;
  return [
    postgresProbe(postgres),
    ...(postgres.pgbouncer === undefined ? [] : [pgbouncerProbe(postgres.pgbouncer)]),
    runsProbe(postgres),
    ...(pending === undefined
      ? []
      : [pendingProbe(postgres, pending, roles.registry, exporter.pending_count_limit)]),
  ];
}

function preferencesProbes({ roles, postgres }: Config, memory: ProbeMemory): Probe[] {
  const tables = postgres?.tables.preferences;
  if (roles.preferences === undefined || postgres === undefined || tables === undefined) return [];
  return [preferencesProbe({ cache: roles.preferences, postgres, tables }, memory.preferences)];
}

/** The probes of everything that a configuration names. */
export class Probes {
  readonly all: readonly Probe[];
  /** By name: a role, `postgres`, or provider/account. */
  readonly groups: ReadonlyMap<string, ProbeGroup>;

  constructor(config: Config, memory: ProbeMemory = new ProbeMemory()) {
    this.all = [
      ...roleProbes(config),
      ...jobProbes(config, memory.jobs),
      ...postgresProbes(config),
      ...preferencesProbes(config, memory),
      ...providerProbes(config.providers, memory.providerCounts),
    ];
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
