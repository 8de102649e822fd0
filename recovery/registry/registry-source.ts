import type { KafkaConfig } from "../../core/config/kafka-section.ts";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { RecoveryContext } from "../recovery.ts";

/** Milliseconds to connect to Redis, and that it may owe an answer. */
export const redisTimeouts = { connect: 5_000, command: 3_000 };

export type RegistryConfig = NonNullable<RolesConfig["registry"]>;

/** Kafka, with the topic of connection events. */
export interface KafkaSource {
  readonly kind: "kafka";
  readonly kafka: KafkaConfig;
  readonly topic: string;
}

/** A table of connections. */
export interface PostgresSource {
  readonly kind: "postgres";
  readonly postgres: PostgresConfig;
  readonly table: NonNullable<PostgresConfig["tables"]["connections"]>;
}

export type RegistrySource = KafkaSource | PostgresSource;

/** The role's section. Throws CONFIG_INCOMPLETE. */
export function registryConfig({ roles }: Config): RegistryConfig {
  if (roles.registry !== undefined) return roles.registry;
  throw new RedisopsError(
    "CONFIG_INCOMPLETE",
    "redisops.yaml has no roles.registry: there is no registry to fill",
  );
}

function kafkaSource({ kafka }: Config): KafkaSource | undefined {
  const topic = kafka?.connection_events?.topic;
  return kafka === undefined || topic === undefined ? undefined : { kind: "kafka", kafka, topic };
}

function postgresSource({ postgres }: Config): PostgresSource | undefined {
  const table = postgres?.tables.connections;
  return postgres === undefined || table === undefined ? undefined : { kind: "postgres", postgres, table };
}

/** Where connections are read from. Throws CONFIG_INCOMPLETE, naming what is missing. */
export function registrySource({ config, options }: RecoveryContext<"registry">): RegistrySource {
  const kafka = options.source === "postgres" ? undefined : kafkaSource(config);
  const source = kafka ?? (options.source === "kafka" ? undefined : postgresSource(config));
  if (source !== undefined) return source;
  const sections = {
    auto: "neither kafka.connection_events nor postgres.tables.connections",
    kafka: "no kafka.connection_events",
    postgres: "no postgres.tables.connections",
  };
  throw new RedisopsError(
    "CONFIG_INCOMPLETE",
    `redisops.yaml has ${sections[options.source]}: there is no source to fill the registry from`,
  );
}
