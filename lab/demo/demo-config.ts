import { stringify } from "yaml";

/** What the configuration of the demo depends on. */
export interface DemoAddresses {
  readonly registry: string;
  readonly dedup: string;
  readonly postgres: string;
  readonly exporter: string;
  readonly provider: string;
  readonly prometheus: string;
  readonly webhooks: string;
  readonly runbooks: string;
  readonly stateDir: string;
  readonly ids: number;
}

/** Environment variables that the configuration's secrets refer to. */
export const demoSecrets = {
  postgres: "DEMO_POSTGRES_PASSWORD",
  twilio: "DEMO_TWILIO_TOKEN",
  page: "DEMO_PAGE_WEBHOOK",
  ticket: "DEMO_TICKET_WEBHOOK",
  watchdog: "DEMO_WATCHDOG_WEBHOOK",
} as const;

const secret = (name: keyof typeof demoSecrets) => `\${${demoSecrets[name]}}`;

/** How often the demo's Prometheus scrapes and evaluates. */
export const demoInterval = "1s";

/** The account of the provider stand-in. */
export const demoAccountSid = `AC${"0".repeat(32)}`;

/** The demo's redisops.yaml. The thresholds shorten waiting; nothing else about the alerts is special. */
export function demoConfig(addresses: DemoAddresses): string {
  const brief = { for: "3s" };
  return stringify({
    platform: "demo",
    roles: {
      registry: { topology: "standalone", address: addresses.registry },
      dedup: {
        topology: "standalone",
        address: addresses.dedup,
        filter: { engine: "bitmap", key: "{dedup:sent}", capacity: addresses.ids * 2, error_rate: 0.01 },
      },
    },
    postgres: {
      address: addresses.postgres,
      database: "postgres",
      user: "postgres",
      password: secret("postgres"),
      tables: {
        sent_notifications: { table: "notifications" },
        pending_deliveries: { table: "pending_deliveries" },
      },
    },
    providers: {
      twilio: {
        kind: "twilio",
        base_url: addresses.provider,
        accounts: {
          main: { limit_per_second: 1000, account_sid: demoAccountSid, auth_token: secret("twilio") },
        },
      },
    },
    exporter: { listen: addresses.exporter },
    prometheus: { url: addresses.prometheus },
    alerting: {
      runbook_base_url: addresses.runbooks,
      group_wait: "1s",
      receivers: {
        page: { webhook: secret("page") },
        ticket: { webhook: secret("ticket") },
        watchdog: { webhook: secret("watchdog") },
      },
    },
    thresholds: { DedupSkipped: brief, BloomCold: brief, ExporterDown: brief, RegistryDown: brief },
    state_dir: addresses.stateDir,
  });
}
