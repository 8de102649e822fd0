import type { DegradationMode } from "./mode.ts";
import { BloomCold } from "./modes/BloomCold.ts";
import { BloomSaturated } from "./modes/BloomSaturated.ts";
import { DedupSkipped } from "./modes/DedupSkipped.ts";
import { DegradedDecisionsBudgetBurn } from "./modes/DegradedDecisionsBudgetBurn.ts";
import { DeliveryDelayBudgetBurn } from "./modes/DeliveryDelayBudgetBurn.ts";
import { ExporterDown } from "./modes/ExporterDown.ts";
import { NotificationsShedBudgetBurn } from "./modes/NotificationsShedBudgetBurn.ts";
import { PendingDeliveriesBacklog } from "./modes/PendingDeliveriesBacklog.ts";
import { PostgresDown } from "./modes/PostgresDown.ts";
import { PostgresPoolExhausted } from "./modes/PostgresPoolExhausted.ts";
import { PostgresPoolSaturated } from "./modes/PostgresPoolSaturated.ts";
import { PreferencesCacheDown } from "./modes/PreferencesCacheDown.ts";
import { PreferencesDefaulting } from "./modes/PreferencesDefaulting.ts";
import { PreferencesStale } from "./modes/PreferencesStale.ts";
import { ProbeFailing } from "./modes/ProbeFailing.ts";
import { ProviderAccountBlocked } from "./modes/ProviderAccountBlocked.ts";
import { ProviderCapacityExhausted } from "./modes/ProviderCapacityExhausted.ts";
import { ProviderThrottled } from "./modes/ProviderThrottled.ts";
import { RateLimitFailOpen } from "./modes/RateLimitFailOpen.ts";
import { RateLimitStuckCounters } from "./modes/RateLimitStuckCounters.ts";
import { RecoveryFailed } from "./modes/RecoveryFailed.ts";
import { RedisClusterSlotsUncovered } from "./modes/RedisClusterSlotsUncovered.ts";
import { RedisDown } from "./modes/RedisDown.ts";
import { RedisErrorRateHigh } from "./modes/RedisErrorRateHigh.ts";
import { RedisFailover } from "./modes/RedisFailover.ts";
import { RedisHung } from "./modes/RedisHung.ts";
import { RedisReplicaLost } from "./modes/RedisReplicaLost.ts";
import { RedisShardDown } from "./modes/RedisShardDown.ts";
import { RegistryCold } from "./modes/RegistryCold.ts";
import { RegistryDown } from "./modes/RegistryDown.ts";
import { RoleContractViolated } from "./modes/RoleContractViolated.ts";
import { SentinelQuorumLost } from "./modes/SentinelQuorumLost.ts";
import { SequenceFallback } from "./modes/SequenceFallback.ts";
import { SequenceRegressed } from "./modes/SequenceRegressed.ts";
import { TokenBucketsDown } from "./modes/TokenBucketsDown.ts";
import { TokenBucketsDrained } from "./modes/TokenBucketsDrained.ts";
import { Watchdog } from "./modes/Watchdog.ts";

/** Every degradation mode, in the order in which boards and documents show them. */
export const modes: readonly DegradationMode[] = [
  RegistryDown,
  RegistryCold,
  PendingDeliveriesBacklog,
  DeliveryDelayBudgetBurn,
  RateLimitFailOpen,
  RateLimitStuckCounters,
  SequenceRegressed,
  SequenceFallback,
  PreferencesDefaulting,
  PreferencesCacheDown,
  PreferencesStale,
  DedupSkipped,
  BloomCold,
  BloomSaturated,
  ProviderCapacityExhausted,
  NotificationsShedBudgetBurn,
  TokenBucketsDown,
  TokenBucketsDrained,
  ProviderAccountBlocked,
  ProviderThrottled,
  PostgresDown,
  PostgresPoolExhausted,
  PostgresPoolSaturated,
  RedisClusterSlotsUncovered,
  DegradedDecisionsBudgetBurn,
  RedisDown,
  RedisHung,
  RedisShardDown,
  RedisErrorRateHigh,
  RedisFailover,
  SentinelQuorumLost,
  RedisReplicaLost,
  RoleContractViolated,
  ProbeFailing,
  RecoveryFailed,
  ExporterDown,
  Watchdog,
];
