import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { connectionEventsTopic } from "../../core/registry/connection-event.ts";
import { checkout } from "../checkout.ts";

/** What the platform's redisops.yaml depends on. Addresses are `host:port`. */
export interface PlatformAddresses {
  readonly name: string;
  readonly registry: string;
  readonly rateLimit: string;
  readonly sequence: string;
  readonly cluster: readonly string[];
  readonly sentinels: readonly string[];
  readonly dedupPrimary: string;
  readonly postgres: string;
  readonly pgbouncer: string;
  readonly provider: string;
  /** Kafka's brokers; none where there is no Kafka. */
  readonly kafka: readonly string[];
  readonly exporter: string;
  /** Differences from the catalog's thresholds, by mode. */
  readonly thresholds?: ThresholdOverrides | undefined;
  /** As `exporter.probe_timeout`; its default unless given. */
  readonly probeTimeout?: string | undefined;
  readonly prometheus: string;
  readonly alertmanager: string;
  readonly stateDir: string;
  /** For each secret the file that holds it. */
  readonly secrets: Readonly<Record<PlatformSecret, string>>;
}

/** What the configuration refers to and must not hold. */
export const platformSecrets = [
  "postgres-password",
  "twilio-token",
  "sendgrid-main-key",
  "sendgrid-backup-key",
  "page-webhook",
  "ticket-webhook",
  "watchdog-webhook",
] as const;

export type PlatformSecret = (typeof platformSecrets)[number];

/** How often the lab's Prometheus scrapes and evaluates. */
export const labInterval = "2s";

/** Milliseconds that a registry entry lives without a heartbeat: short, so that a registry that lost data fills up soon. */
export const connectionTtlMs = 15_000;

/** Requests per second that the providers grant an account. */
const accountLimit = 1_000;

/** The SIDs of the Twilio stand-in's accounts, by their names in redisops.yaml. */
const twilioSids = { main: `AC${"0".repeat(32)}`, backup: `AC${"1".repeat(32)}` } as const;

/** The platform's redisops.yaml: all roles, and the catalog's own thresholds unless others are given. */
export function platformConfig(addresses: PlatformAddresses): string {
  const secret = (name: PlatformSecret) => `file:${addresses.secrets[name]}`;
  const standalone = (address: string) => ({ topology: "standalone", address });
  const cluster = { topology: "cluster", nodes: addresses.cluster };
  const account = { limit_per_second: accountLimit };
  const twilio = { ...account, auth_token: secret("twilio-token") };
  return stringify({
    platform: addresses.name,
    roles: {
      registry: standalone(addresses.registry),
      rate_limit: { ...standalone(addresses.rateLimit), contract: { persistence: "rdb" } },
      sequence: standalone(addresses.sequence),
      preferences: cluster,
      token_bucket: cluster,
      dedup: {
        topology: "sentinel",
        sentinels: addresses.sentinels,
        primary: addresses.dedupPrimary,
        filter: { engine: "bitmap", key: "{dedup:sent}", capacity: 2_000_000, error_rate: 0.001 },
      },
    },
    postgres: {
      address: addresses.postgres,
      database: "postgres",
      user: "postgres",
      password: secret("postgres-password"),
      pgbouncer: {
        address: addresses.pgbouncer,
        user: "postgres",
        password: secret("postgres-password"),
      },
      tables: {
        sent_notifications: { table: "notifications" },
        pending_deliveries: { table: "pending_deliveries" },
        preferences: { table: "preferences" },
        messages: { table: "messages" },
      },
    },
    ...(addresses.kafka.length > 0 && {
      kafka: { brokers: addresses.kafka, connection_events: { topic: connectionEventsTopic } },
    }),
    recovery: {
      registry: { entry_ttl: `${connectionTtlMs / 1_000}s` },
      pending: { delivery: { kind: "http", url: "http://{server_id}/deliveries" } },
      // The lab's Postgres has next to nothing else to do.
      preferences: { read_share: 1 },
    },
    providers: {
      twilio: {
        kind: "twilio",
        base_url: addresses.provider,
        accounts: {
          main: { ...twilio, account_sid: twilioSids.main },
          backup: { ...twilio, account_sid: twilioSids.backup },
        },
      },
      sendgrid: {
        kind: "sendgrid",
        base_url: addresses.provider,
        accounts: {
          main: { ...account, api_key: secret("sendgrid-main-key") },
          backup: { ...account, api_key: secret("sendgrid-backup-key") },
        },
      },
    },
    exporter: {
      listen: addresses.exporter,
      ...(addresses.probeTimeout !== undefined && { probe_timeout: addresses.probeTimeout }),
    },
    prometheus: { url: addresses.prometheus },
    alertmanager: { url: addresses.alertmanager },
    alerting: {
      runbook_base_url: pathToFileURL(join(checkout, "runbooks")).href,
      group_wait: "1s",
      receivers: {
        page: { webhook: secret("page-webhook") },
        ticket: { webhook: secret("ticket-webhook") },
        watchdog: { webhook: secret("watchdog-webhook") },
      },
    },
    ...(addresses.thresholds !== undefined && { thresholds: addresses.thresholds }),
    state_dir: addresses.stateDir,
  });
}
