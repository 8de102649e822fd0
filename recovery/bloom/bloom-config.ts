import type { KafkaConfig } from "../../core/config/kafka-section.ts";
import type { PostgresConfig, SentNotificationsConfig } from "../../core/config/postgres-section.ts";
import type { DedupConfig } from "../../core/config/redis-section.ts";
import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { RecoveryContext } from "../recovery.ts";

/**
 * Milliseconds for connecting, for one command, for one of the small Redis commands that the plan needs, and for
 * counting the source exactly.
 */
export const timeouts = { connect: 5_000, command: 30_000, look: 5_000, count: 2_000 };

/** Window where only Kafka is configured and no option says otherwise, in milliseconds: that of postgres.tables. */
const standardWindow = 86_400_000;
/** Most parts that a source may be divided into. */
const mostParts = 1_000;
/** Longest time to settle, in milliseconds. */
const longestSettle = 600_000;

/** A table of sent notifications and where it is. */
export interface PostgresSource {
  readonly postgres: PostgresConfig;
  /** Its window is the one that counts for this run. */
  readonly table: SentNotificationsConfig;
}

/** A topic of sent notifications and where it is. */
export interface KafkaSource {
  readonly kafka: KafkaConfig;
  readonly topic: NonNullable<KafkaConfig["sent_notifications"]>;
}

/** What the rebuild needs of redisops.yaml and the command's options. */
export interface BloomConfig {
  readonly dedup: DedupConfig;
  /** Where the ids come from: at least one of the two. */
  readonly postgres: PostgresSource | undefined;
  readonly kafka: KafkaSource | undefined;
  /** How far back ids count, in milliseconds. */
  readonly window: number;
  /** Whether the window is shorter or longer than the configured one. */
  readonly otherWindow: boolean;
  /** How RedisBloom is filled: as asked for. */
  readonly method: "auto" | "madd" | "load";
  /** Parts that each source is divided into; by its size where undefined. */
  readonly parts: number | undefined;
  /** Milliseconds between a swap without a merge and the last look for ids. */
  readonly settle: number;
  readonly canaryIds: number;
}

const incomplete = (message: string) => new RedisopsError("CONFIG_INCOMPLETE", message);

function inRange(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new RedisopsError("USAGE", `--${name} must be a whole number from ${min} to ${max}`);
}

/** Picks what the rebuild needs. Throws CONFIG_INCOMPLETE, naming what is missing, and USAGE. */
export function bloomConfig({
  config,
  options,
}: Pick<RecoveryContext<"bloom">, "config" | "options">): BloomConfig {
  const { dedup } = config.roles;
  if (dedup === undefined)
    throw incomplete("redisops.yaml has no roles.dedup: there is no filter to rebuild");
  const table = config.postgres?.tables.sent_notifications;
  const topic = config.kafka?.sent_notifications;
  const wanted = options.source ?? "auto";
  const fromPostgres =
    wanted === "postgres" || wanted === "both" || (wanted === "auto" && table !== undefined);
  const fromKafka =
    wanted === "kafka" ||
    wanted === "both" ||
    (wanted === "auto" && table === undefined && topic !== undefined);
  if (!fromKafka && (config.postgres === undefined || table === undefined)) {
    throw incomplete(
      "redisops.yaml has no postgres.tables.sent_notifications: there is no source to rebuild from; kafka.sent_notifications would be another one",
    );
  }
  if (fromPostgres && (config.postgres === undefined || table === undefined)) {
    throw incomplete("redisops.yaml has no postgres.tables.sent_notifications, which --source names");
  }
  if (fromKafka && (config.kafka === undefined || topic === undefined)) {
    throw incomplete("redisops.yaml has no kafka.sent_notifications, which --source names");
  }
  const configured = table === undefined ? standardWindow : parseDuration(table.window);
  const window = options.since ?? configured;
  inRange("since", window, 1, 1e12);
  return {
    dedup,
    postgres:
      fromPostgres && config.postgres !== undefined && table !== undefined
        ? {
            postgres: config.postgres,
            table: window === configured ? table : { ...table, window: `${window}ms` },
          }
        : undefined,
    kafka:
      fromKafka && config.kafka !== undefined && topic !== undefined
        ? { kafka: config.kafka, topic }
        : undefined,
    window,
    otherWindow: window !== configured,
    method: options.method ?? "auto",
    parts: options.parts === undefined ? undefined : inRange("parts", options.parts, 1, mostParts),
    settle: inRange("settle", options.settle ?? 5_000, 0, longestSettle),
    canaryIds: config.exporter.canary_ids,
  };
}
