import type { TopicPartition } from "../../core/kafka/read-partition.ts";

/** What execution needs of a plan. */
export type RegistryDetails = KafkaDetails | PostgresDetails;

export interface KafkaDetails {
  readonly kind: "kafka";
  readonly topic: string;
  readonly partitions: readonly TopicPartition[];
  /** When the plan was made, in milliseconds since 1970. */
  readonly plannedAtMs: number;
}

export interface PostgresDetails {
  readonly kind: "postgres";
  /** Pages of 8 KiB that the table had. */
  readonly pages: number;
  readonly plannedAtMs: number;
}
