import type { KafkaConfig } from "../../core/config/kafka-section.ts";
import type { MessagesConfig, PostgresConfig } from "../../core/config/postgres-section.ts";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { formatDuration, parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { MessagesTopic } from "../../core/sequence/kafka-maxima.ts";
import type { RecoveryContext } from "../recovery.ts";

/** Milliseconds to connect and for a command to Redis, and for a statement that the plan asks of Postgres. */
export const timeouts = { connect: 5_000, command: 10_000, statement: 30_000 };

/** The parts of the configuration that the recovery needs. */
export interface SequenceConfig {
  readonly role: NonNullable<RolesConfig["sequence"]>;
  readonly postgres: PostgresConfig;
  readonly source: MessagesConfig;
  readonly kafka: { readonly config: KafkaConfig; readonly topic: MessagesTopic } | undefined;
}

/** Picks what the recovery needs. Throws CONFIG_INCOMPLETE, naming what is missing. */
export function sequenceConfig({ roles, postgres, kafka }: Config): SequenceConfig {
  if (roles.sequence === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no roles.sequence: there are no counters to raise",
    );
  }
  const source = postgres?.tables.messages;
  if (postgres === undefined || source === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no postgres.tables.messages: nothing says how far the counters were",
    );
  }
  const topic = kafka?.messages;
  return {
    role: roles.sequence,
    postgres,
    source,
    kafka: kafka === undefined || topic === undefined ? undefined : { config: kafka, topic },
  };
}

/** Margins above this one are a mistake: they would use counters up. */
const largestMargin = 1_000_000_000;

/** How far above the highest durable id counters are raised, and where that comes from. Throws USAGE. */
export function marginOf({ config, options }: Pick<RecoveryContext<"sequence">, "config" | "options">): {
  readonly ids: number;
  readonly reason: string;
} {
  const { peak_rate, failover_window } = config.recovery.sequence;
  const window = parseDuration(failover_window);
  if (options.margin === undefined) {
    return {
      ids: Math.ceil((peak_rate * window) / 1000),
      reason: `${peak_rate} a second for a failover of ${formatDuration(window)}`,
    };
  }
  if (!Number.isInteger(options.margin) || options.margin < 0 || options.margin > largestMargin) {
    throw new RedisopsError("USAGE", `--margin must be a whole number from 0 to ${largestMargin}`);
  }
  return { ids: options.margin, reason: "by --margin" };
}
