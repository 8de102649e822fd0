import { z } from "zod";
import { address, httpUrl, positiveDuration, secret, sqlName } from "./fields.ts";
import { access } from "./redis-section.ts";

const bytes = () => z.int().min(1).max(1e15);
const milliseconds = positiveDuration;

/** The load of a target above which recoveries pause, and above which they end. */
const limits = z
  .strictObject({
    redis_latency: z
      .strictObject({
        pause: milliseconds().default("100ms").describe("A run waits while PING takes longer."),
        abort: milliseconds().default("3s").describe("A run ends when PING takes longer."),
      })
      .prefault({})
      .describe("Time that the role's Redis takes for a PING beside the run."),
    replication_lag: z
      .strictObject({
        pause: bytes().default(67_108_864).describe("A run waits while a replica is further behind."),
        abort: bytes().default(1_073_741_824).describe("A run ends when a replica is further behind."),
      })
      .prefault({})
      .describe("Bytes of the replication stream that a connected replica has not acknowledged."),
    postgres_connections: z
      .strictObject({
        pause: z.number().gt(0).max(1).default(0.8).describe("A run waits above this share."),
        abort: z.number().gt(0).max(1).default(0.95).describe("A run ends above this share."),
      })
      .prefault({})
      .describe("Share of max_connections in use."),
    postgres_latency: z
      .strictObject({
        pause: milliseconds().default("250ms").describe("A run waits while a statement takes longer."),
        abort: milliseconds().default("5s").describe("A run ends when a statement takes longer."),
      })
      .prefault({})
      .describe("Time that Postgres takes for a trivial statement beside the run."),
  })
  .prefault({})
  .describe("Loads of the targets above which a run pauses, and above which it ends, resumable.");

const registry = z
  .strictObject({
    entry_ttl: positiveDuration()
      .default("60s")
      .describe("Time to live of the entries that are written: that of the connection servers."),
    max_age: positiveDuration()
      .default("7d")
      .describe("A connection that began longer ago is taken for ended, whatever its last event says."),
  })
  .prefault({})
  .describe("Recovery of the registry.");

const kafkaDelivery = z.strictObject({
  kind: z.literal("kafka").describe("A record on a topic, under the recipient's id as its key."),
  topic: z.string().min(1).describe("The topic; the section kafka says where."),
});

const httpDelivery = z.strictObject({
  kind: z.literal("http").describe("A POST for each batch of a connection server."),
  url: httpUrl().describe("Where; {server_id} in it becomes the entry's server id."),
  token: secret().optional().describe("Reference to a bearer token."),
});

const streamDelivery = z.strictObject({
  kind: z.literal("redis_stream").describe("An entry of a Redis stream."),
  address: address().describe("host:port of the Redis that has the streams."),
  username: z.string().optional().describe("ACL user; the default user when left out."),
  ...access,
  stream: z
    .string()
    .min(1)
    .default("deliveries:{server_id}")
    .describe("Key of the stream; {server_id} in it becomes the entry's server id."),
});

const pending = z
  .strictObject({
    delivery: z
      .discriminatedUnion("kind", [kafkaDelivery, httpDelivery, streamDelivery])
      .optional()
      .describe("How waiting messages are handed over. A drain by the command needs it."),
    delivery_deadline: positiveDuration()
      .default("5s")
      .describe("Longest time until a batch is acknowledged."),
    delivery_latency: positiveDuration()
      .default("500ms")
      .describe("The drain slows down while acknowledgements take longer."),
    max_attempts: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe("Refusals after which a message is set aside, with the reason."),
    set_aside_table: sqlName()
      .default("pending_deliveries_set_aside")
      .describe("Table for messages that could not be delivered; the first drain creates it where it may."),
  })
  .prefault({})
  .describe("Drain of pending_deliveries.");

const sequence = z
  .strictObject({
    failover_window: positiveDuration()
      .default("10s")
      .describe("Longest time whose increments a failover can lose."),
    peak_rate: z
      .number()
      .positive()
      .max(1e6)
      .default(10)
      .describe("Messages per second of the busiest conversation; the margin is this times the window."),
  })
  .prefault({})
  .describe("Recovery of the sequence counters.");

const activity = z.strictObject({
  table: sqlName().describe("Table, or view, with a row for each thing that a user did or was sent."),
  user_column: sqlName().default("user_id").describe("Column with the user, as in the preferences."),
  time_column: sqlName()
    .default("sent_at")
    .describe("Column with its time; has to be indexed, best together with the user."),
});

const preferences = z
  .strictObject({
    entry_ttl: positiveDuration()
      .default("1h")
      .describe("Time to live of cache entries: the workers' ttlSeconds. Spread by a tenth."),
    activity: activity
      .optional()
      .describe(
        "Who was active lately: the cache is warmed with the latest first. When left out, with those who changed something.",
      ),
    warm_users: z
      .int()
      .min(0)
      .max(1e9)
      .default(1_000_000)
      .describe("Users that the cache is warmed with, at most; 0 for none."),
    read_share: z
      .number()
      .gt(0)
      .max(1)
      .default(0.25)
      .describe(
        "Share of what Postgres serves in a second (postgres.tables.preferences.reads_per_second) that the recovery reads at most.",
      ),
  })
  .prefault({})
  .describe("Recovery of the preferences cache.");

/** How recoveries behave. */
export const recoverySection = z
  .strictObject({
    max_rate: z
      .number()
      .positive()
      .optional()
      .describe(
        "Items per second of a recovery at most, unless --max-rate says otherwise; no limit when left out.",
      ),
    limits,
    registry,
    pending,
    sequence,
    preferences,
  })
  .prefault({})
  .describe("How recoveries behave.");

export type RecoveryConfig = z.output<typeof recoverySection>;
export type RecoveryLimits = RecoveryConfig["limits"];
export type PreferencesRecoveryConfig = RecoveryConfig["preferences"];
export type DeliveryConfig = NonNullable<RecoveryConfig["pending"]["delivery"]>;
