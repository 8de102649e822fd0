import { connectKafka } from "../../core/kafka/connect.ts";
import { topicPartitions } from "../../core/kafka/read-partition.ts";
import { postgresPins, redisPins } from "../pins.ts";
import type { Pin, Recovery, RecoveryContext } from "../recovery.ts";
import { sequenceConfig } from "./sequence-config.ts";
import { executeSequence, workOnSequence } from "./sequence-execute.ts";
import { planSequence, type SequenceDetails } from "./sequence-plan.ts";
import { verifySequence } from "./sequence-verify.ts";

async function pins({ config }: RecoveryContext<"sequence">): Promise<Pin[]> {
  const { role, postgres, kafka } = sequenceConfig(config);
  const target = await redisPins("sequence", role);
  const source = await postgresPins(postgres);
  if (kafka === undefined) return [...target, ...source];
  const connection = connectKafka(kafka.config);
  try {
    const { topic } = kafka.topic;
    const { topicId, partitions } = await topicPartitions(connection, topic);
    return [
      ...target,
      ...source,
      { of: "source", label: `id of topic ${topic}`, value: topicId },
      ...partitions.map(({ partition, high }) => ({
        of: "source" as const,
        label: `end of partition ${partition} of topic ${topic}`,
        value: high,
      })),
    ];
  } finally {
    await connection.close();
  }
}

/**
 * Raises the counters of conversations to what was durably given out plus a margin, where they are lower. Only ever
 * raises, in one script per counter, so that a live INCR is neither undone nor lost, and doing it twice changes nothing.
 */
export const sequence: Recovery<SequenceDetails, "sequence"> = {
  name: "sequence",
  role: "sequence",
  needsPostgres: true,
  plan: planSequence,
  pins,
  execute: executeSequence,
  work: workOnSequence,
  verify: verifySequence,
};
