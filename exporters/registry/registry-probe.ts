import { randomUUID } from "node:crypto";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import { describeTarget, type NodeConnection } from "../../core/redis/connect.ts";
import { registryKeyMatcher } from "../../core/registry/entry.ts";
import { canaryScript } from "../../core/registry/scripts.ts";
import { sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { canaryRatioSoFar, canaryWrong, tryCanaries } from "../redis/canary.ts";
import type { KeyWitnesses } from "../redis/key-witnesses.ts";
import { estimateRoleKeys } from "../redis/role-key-sample.ts";
import { withoutCanary } from "../role-availability.ts";

const labels = { role: "registry" } as const;

/** Lifetime of the canary in milliseconds: that of an entry, unless the applications chose another one. */
const canaryLifetime = 60_000;

/** Writes an entry, reads it back and looks when it expires, in one step, so that other exporters do not interfere. */
async function checkEntry(connection: NodeConnection, key: string): Promise<void> {
  const written = randomUUID();
  const reply = await canaryScript.run(connection.client, [key], [written, canaryLifetime]);
  const [read, lifetime] = Array.isArray(reply) ? reply : [];
  if (read !== written) throw canaryWrong(connection, "did not give back the entry that was written to it");
  const left = Number(lifetime);
  if (!(left > canaryLifetime / 2 && left <= canaryLifetime)) {
    throw canaryWrong(connection, `took an entry for ${canaryLifetime} ms and lets it live for ${left} ms`);
  }
}

/** Whether the registry takes, gives back and forgets entries, and how many it has. */
export function registryProbe(config: NonNullable<RolesConfig["registry"]>, witnesses: KeyWitnesses): Probe {
  const matches = registryKeyMatcher(config.key);
  return {
    name: "registry",
    role: "registry",
    group: "registry",
    target: "registry",
    address: describeTarget("registry", config),
    async run(emit, scrape) {
      const [canaries, estimates] = await Promise.all([
        tryCanaries("registry", "registry", scrape, checkEntry),
        estimateRoleKeys("registry", matches, scrape, witnesses),
      ]);
      const { keys, withoutTtl } = estimates;
      if (canaries.ratio !== undefined)
        emit(sample("redisops_registry_canary_ratio", labels, canaries.ratio));
      if (keys !== undefined) {
        emit(sample("redisops_registry_entries", labels, keys.value));
        emit(sample("redisops_registry_entries_standard_error", labels, keys.standardError));
      }
      if (withoutTtl !== undefined) {
        emit(sample("redisops_registry_entries_without_ttl", labels, withoutTtl.value));
        emit(
          sample("redisops_registry_entries_without_ttl_standard_error", labels, withoutTtl.standardError),
        );
      }
      const [failure] = [...canaries.failures, ...estimates.failures];
      if (failure !== undefined) throw failure;
    },
    conclude: withoutCanary("redisops_registry_canary_ratio", labels, canaryRatioSoFar),
  };
}
