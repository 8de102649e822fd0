import { redisRoles } from "../catalog/roles.ts";
import type { Config } from "../core/config/schema.ts";
import { parseDuration } from "../core/duration.ts";
import { bloomProbe, KnownSentIds } from "./bloom-probe.ts";
import { pendingProbe } from "./pending-probe.ts";
import { postgresProbe } from "./postgres-probe.ts";
import { type Probe, type ProbeResult, runProbe } from "./probe.ts";
import { ProviderCounts, providerProbe } from "./provider-probe.ts";
import { redisProbe } from "./redis-probe.ts";
import { tokenBucketProbe } from "./token-bucket-probe.ts";

/** The probes of everything that the configuration names, with the little state that outlives a scrape. */
export class Probes {
  readonly all: readonly Probe[];
  readonly #timeout: number;

  constructor(config: Config) {
    const { roles, postgres, providers, exporter } = config;
    const counts = new ProviderCounts();
    const probes: Probe[] = redisRoles.flatMap((role) => {
      const section = roles[role];
      return section === undefined ? [] : [redisProbe(role, section)];
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
    if (postgres !== undefined) {
      probes.push(postgresProbe(postgres));
      const pending = postgres.tables.pending_deliveries;
      if (pending !== undefined) {
        probes.push(pendingProbe(postgres, pending, roles.registry, exporter.pending_count_limit));
      }
    }
    for (const [provider, section] of Object.entries(providers)) {
      for (const account of Object.keys(section.accounts)) {
        probes.push(providerProbe(provider, account, section, counts));
      }
    }
    this.all = probes;
    this.#timeout = parseDuration(exporter.probe_timeout);
  }

  /** Runs all probes at once, each for at most `deadline` milliseconds or the configured probe timeout. */
  async run(deadline = Number.POSITIVE_INFINITY): Promise<ProbeResult[]> {
    return Promise.all(this.all.map((probe) => runProbe(probe, Math.min(deadline, this.#timeout))));
  }
}
