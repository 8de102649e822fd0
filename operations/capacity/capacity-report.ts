import { ProviderThrottled } from "../../catalog/modes/ProviderThrottled.ts";
import { type RedisRole, redisRoles } from "../../catalog/roles.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { effectiveThresholds, thresholdValue } from "../../core/signal/thresholds.ts";
import type { Failure } from "./failure.ts";
import { dedupCold, dedupDown, dedupSaturated } from "./failures/dedup.ts";
import { rateLimitDown, registryCold, registryDown, sequenceDown } from "./failures/messages.ts";
import { preferencesCacheDown, preferencesCacheEmpty, preferencesShardDown } from "./failures/preferences.ts";
import { providerFailures } from "./failures/providers.ts";
import type { Figures } from "./figures.ts";

/** What each failure would do to a platform. */
export interface CapacityReport {
  readonly platform: string;
  /** What the simulations are drawn from: the same one gives the same report. */
  readonly seed: number;
  readonly figures: Figures;
  readonly failures: readonly Failure[];
}

/** Computes and simulates every failure of the given roles that the model knows; takes a second or two. */
export function capacityReport(
  platform: string,
  figures: Figures,
  seed: number,
  roles: readonly RedisRole[] = redisRoles,
  thresholds: ThresholdOverrides = {},
): CapacityReport {
  const alertShare = Number(
    thresholdValue(effectiveThresholds(ProviderThrottled, thresholds), "throttled_ratio"),
  );
  const byRole: Readonly<Record<RedisRole, () => readonly Failure[]>> = {
    preferences: () => [
      preferencesCacheDown(figures, seed),
      preferencesCacheEmpty(figures, seed),
      preferencesShardDown(figures),
    ],
    dedup: () => [dedupDown(figures), dedupCold(figures), dedupSaturated(figures)],
    token_bucket: () => providerFailures(figures, seed, alertShare),
    registry: () => [registryDown(figures, seed), registryCold(figures)],
    rate_limit: () => [rateLimitDown(figures)],
    sequence: () => [sequenceDown(figures)],
  };
  const order = Object.keys(byRole) as RedisRole[];
  const failures = order.filter((role) => roles.includes(role)).flatMap((role) => byRole[role]());
  return { platform, seed, figures, failures };
}
