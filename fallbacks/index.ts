/**
 * What the platform's own processes import: one client for each job that Redis does, each with the fallback that keeps the
 * platform going when that Redis fails. See docs/fallbacks.md.
 */
export type { RedisConnectionConfig } from "../core/config/redis-section.ts";
export { Secret } from "../core/config/secret.ts";
export { RedisopsError } from "../core/errors.ts";
export type { Deliver, Message } from "../core/pending-deliveries/message.ts";
export { pendingDeliveriesDdl } from "../core/pending-deliveries/table.ts";
export { type PreferenceTables, preferencesSchema } from "../core/preferences/schema.ts";
export { type ConnectionEvent, connectionEventsTopic } from "../core/registry/connection-event.ts";
export type { Connection, RegistryEntry } from "../core/registry/entry.ts";
export {
  compareMessageIds,
  type MessageId,
  parseMessageId,
  type SequenceId,
  type TimestampId,
} from "../core/sequence/message-id.ts";
export {
  type CheckOptions,
  DedupClient,
  type DedupConnectionConfig,
  type DedupFilter,
  type DedupVerdict,
} from "./dedup/dedup-client.ts";
export type { BreakerOptions } from "./guard/breaker.ts";
export type { BulkheadOptions, PostgresConnectionConfig } from "./guard/guarded-postgres.ts";
export type { GuardOptions } from "./guard/guarded-store.ts";
export type { ChangeFeedOptions } from "./preferences/change-feed.ts";
export type { ExposureLogOptions } from "./preferences/exposure-log.ts";
export type { PreferenceChange } from "./preferences/preference-rows.ts";
export {
  type PreferenceCheck,
  type PreferenceDecision,
  type PreferenceSource,
  PreferencesClient,
  type PreferencesOptions,
} from "./preferences/preferences-client.ts";
export type { ProviderAccount } from "./providers/account.ts";
export type { Priority } from "./providers/priority.ts";
export {
  type Attempt,
  ProviderClient,
  type ProviderNotification,
  type ProviderOptions,
  type SendResult,
} from "./providers/provider-client.ts";
export type { ProviderResponse } from "./providers/provider-response.ts";
export { type RateDecision, RateLimiter, type RateLimiterOptions } from "./rate-limit/rate-limiter.ts";
export type { ConnectionEvents } from "./registry/connection-events.ts";
export { DeliveryWorker, type DeliveryWorkerOptions } from "./registry/delivery-worker.ts";
export {
  MessageRouter,
  type PendingReason,
  type RouteResult,
  type RouterOptions,
} from "./registry/message-router.ts";
export type { PendingDeliveriesLocation } from "./registry/pending-store.ts";
export {
  type HeartbeatResult,
  type HeartbeatSummary,
  type RegisterResult,
  RegistryClient,
  type RegistryOptions,
  type UnregisterResult,
} from "./registry/registry-client.ts";
export { SequenceClient, type SequenceOptions } from "./sequence/sequence-client.ts";
