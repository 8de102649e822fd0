import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Config } from "../../core/config/schema.ts";

/** The kinds of the platform's own processes; each has a program of that name in `lab/apps`. */
export const appKinds = [
  "provider-stand-in",
  "connection-server",
  "app-server",
  "delivery-worker",
  "notification-worker",
  "load-generator",
] as const;

export type AppKind = (typeof appKinds)[number];

const rates = z.strictObject({
  messages: z.number().min(0).max(5_000),
  notifications: z.number().min(0).max(5_000),
});

/** What the load generator produces per second. */
export type Rates = z.infer<typeof rates>;

/** Rates with which a lab starts; measured to take a good third of two cores. */
export const defaultRates: Rates = { messages: 100, notifications: 150 };

/** A change of some rates, as it comes from the control socket. */
export const rateChange = rates.partial();

export type RateChange = z.infer<typeof rateChange>;

/** The rates after a change. */
export function changed(rates: Rates, { messages, notifications }: RateChange): Rates {
  return { messages: messages ?? rates.messages, notifications: notifications ?? rates.notifications };
}

/**
 * Milliseconds that a decision waits for its store. Longer than the library's own default, because more than thirty
 * processes share the cores here: a timer that comes late must not look like a store that is away.
 */
export const storeDeadlineMs = 250;

/** The same for Postgres behind the preferences, where a late answer costs the connection as well. */
export const postgresDeadlineMs = 1_000;

/** How messages are routed, for the same reason: longer deadlines, and so a longer time until order is settled. */
export const routing = { deadlineMs: 5_000, deliverDeadlineMs: 5_000, settleMs: 12_000 } as const;

const platformSettings = z.object({
  /** The platform's redisops.yaml. */
  configFile: z.string(),
  /** `host:port` of PgBouncer, through which the apps reach Postgres. */
  pgbouncer: z.string(),
  /** `host:port` of Kafka; empty where there is none. */
  kafka: z.array(z.string()),
  /** Simulated clients of each connection server; user `u-<n>` is a client of the server at place n modulo servers. */
  clientsPerServer: z.int(),
  /** People who get notifications: `u-0` up to this number. */
  people: z.int(),
  /** Of so many people one has opted out of each channel, see `optedOut`. */
  optedOutEvery: z.int(),
  seed: z.int(),
  rates,
  apps: z.array(z.object({ name: z.string(), kind: z.enum(appKinds), port: z.int(), folder: z.string() })),
});

/** What the platform's own processes are told, besides redisops.yaml. Holds no secret. */
export type PlatformSettings = z.infer<typeof platformSettings>;

/** One of the platform's own processes. */
export type AppSettings = PlatformSettings["apps"][number];

/** Reads what the supervisor wrote. */
export function readSettings(file: string): PlatformSettings {
  return platformSettings.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** The processes of one kind, in their order. */
export function appsOf(settings: PlatformSettings, kind: AppKind): AppSettings[] {
  return settings.apps.filter((app) => app.kind === kind);
}

/** `http://127.0.0.1:<port>` */
export function urlOf({ port }: { readonly port: number }): string {
  return `http://127.0.0.1:${port}`;
}

/** The connection server's id in the registry: where it takes messages, so that whoever reads an entry can reach it. */
export function serverIdOf({ port }: { readonly port: number }): string {
  return `127.0.0.1:${port}`;
}

/** The channels that people are notified on, each with its provider. */
export const channels = { sms: "twilio", email: "sendgrid" } as const;

export type Channel = keyof typeof channels;

/** Whether the lab's person number `n` has opted out of the channel: the truth that everything is held against. */
export function optedOut(
  { optedOutEvery }: Pick<PlatformSettings, "optedOutEvery">,
  n: number,
  channel: Channel,
): boolean {
  return n % optedOutEvery === (channel === "sms" ? 3 : 4);
}

/** A section of redisops.yaml that a process cannot do without. The lab writes all of them. */
export function section<Name extends keyof Config["roles"]>(
  { roles }: Config,
  name: Name,
): NonNullable<Config["roles"][Name]> {
  const found = roles[name];
  if (found === undefined) throw new Error(`the platform's redisops.yaml has no role ${name}`);
  return found;
}

/** The `postgres` section, by way of PgBouncer. */
export function throughPgBouncer({ postgres }: Config, { pgbouncer }: PlatformSettings) {
  if (postgres === undefined) throw new Error("the platform's redisops.yaml has no postgres");
  const { tables, ...connection } = postgres;
  return { tables, connection: { ...connection, address: pgbouncer } };
}
