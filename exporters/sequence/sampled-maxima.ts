import type { MessagesConfig, PostgresConfig } from "../../core/config/postgres-section.ts";
import { type SequenceMaximum, sampleSequenceMaxima } from "../../core/postgres/sequence-maxima.ts";
import { PostgresSample } from "../postgres-sample.ts";
import { withPostgres } from "../postgres-session.ts";
import type { SequenceMemory } from "./sequence-memory.ts";

/** Conversations that are sampled. */
const count = 50;

/**
 * The highest sequence numbers of recently active conversations. They stay true as they age, so that counters can be judged
 * without Postgres.
 */
export function sampledMaxima(
  postgres: PostgresConfig,
  source: MessagesConfig,
  memory: SequenceMemory,
): PostgresSample<SequenceMaximum> {
  return new PostgresSample(
    {
      postgres,
      from: source,
      draw: (milliseconds) =>
        withPostgres(postgres, milliseconds, (client) => sampleSequenceMaxima(client, source, count)),
    },
    memory.maxima,
  );
}
