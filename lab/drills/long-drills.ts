import type { DegradationMode } from "../../catalog/mode.ts";
import type { Drill } from "../../operations/drills/drill.ts";

/**
 * Modes whose drill shows little that another one does not, or only waits for longer, with what `make test` proves of
 * them all the same. They are left to `npm run test:runbooks`; their pages are held against what that recorded.
 */
const long: Readonly<Record<string, string>> = {
  DeliveryDelayBudgetBurn:
    "the faults are those of PendingDeliveriesBacklog, the delivery workers only stay away for longer",
  ProviderAccountBlocked: "the fault is that of ProviderCapacityExhausted, on one account instead of all",
  ProviderThrottled: "as ProviderAccountBlocked: the same drill",
  PreferencesStale: "recover preferences is tried on dirty caches in test/integration/recovery-preferences",
  TokenBucketsDrained:
    "it waits for buckets to run low; TokenBucketsDown and ProviderCapacityExhausted are of the same role",
  Watchdog: "it waits for more than a minute of silence; ExporterDown is of the same role",
  RedisFailover: "the alert fires over failovers of real servers in test/integration/alerts-failover",
};

/** Whether `make test` leaves a drill out. */
export const isLong = ({ modes }: Drill): boolean => modes.every(({ id }: DegradationMode) => id in long);
