import type { PostgresConfig, SentNotificationsConfig } from "../../core/config/postgres-section.ts";
import { sampleSentIds } from "../../core/postgres/sent-ids.ts";
import { PostgresSample, type SampleMemory } from "../postgres-sample.ts";
import { withPostgres } from "../postgres-session.ts";

/** Ids that are known to have been sent, kept between scrapes so that the filter can be judged without Postgres. */
export function knownSentIds(
  postgres: PostgresConfig,
  source: SentNotificationsConfig,
  count: number,
  memory: SampleMemory<string>,
): PostgresSample<string> {
  return new PostgresSample(
    {
      postgres,
      from: { ...source, count },
      draw: (milliseconds) =>
        withPostgres(postgres, milliseconds, (client) => sampleSentIds(client, source, count)),
    },
    memory,
  );
}
