import type { DegradationMode } from "./mode.ts";
import { BloomCold } from "./modes/BloomCold.ts";
import { BloomSaturated } from "./modes/BloomSaturated.ts";
import { DedupSkipped } from "./modes/DedupSkipped.ts";
import { ExporterDown } from "./modes/ExporterDown.ts";
import { PendingDeliveriesBacklog } from "./modes/PendingDeliveriesBacklog.ts";
import { PostgresPoolSaturated } from "./modes/PostgresPoolSaturated.ts";
import { ProviderThrottled } from "./modes/ProviderThrottled.ts";
import { RegistryDown } from "./modes/RegistryDown.ts";
import { TokenBucketsDown } from "./modes/TokenBucketsDown.ts";
import { Watchdog } from "./modes/Watchdog.ts";

/** Every degradation mode, in the order in which boards and documents show them. */
export const modes: readonly DegradationMode[] = [
  RegistryDown,
  PendingDeliveriesBacklog,
  DedupSkipped,
  BloomCold,
  BloomSaturated,
  TokenBucketsDown,
  ProviderThrottled,
  PostgresPoolSaturated,
  ExporterDown,
  Watchdog,
];
