import { Client } from "pg";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import type { PostgresServer } from "../servers/postgres.ts";
import { type Channel, channels, optedOut, type PlatformSettings } from "./settings.ts";

const notifications = `
  CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
  CREATE INDEX ON notifications (sent_at);`;

/** The exporter finds recent conversations by the second index and the latest messages of one by the first. */
const messages = `
  CREATE TABLE messages (conversation_id text NOT NULL, message_id text NOT NULL, created_at timestamptz NOT NULL);
  CREATE INDEX ON messages (conversation_id, created_at);
  CREATE INDEX ON messages (created_at);`;

const optOuts = `
  INSERT INTO preferences (user_id, channel, opted_out)
  SELECT user_id, channel, true FROM unnest($1::text[], $2::text[]) AS chosen (user_id, channel)`;

/** Longest time for a query of the supervisor, in milliseconds. */
const deadlineMs = 5_000;

/** Works on the platform's Postgres as its superuser, on a connection of its own. */
export async function withPostgres<T>(
  { connection }: PostgresServer,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    ...connection,
    connectionTimeoutMillis: deadlineMs,
    query_timeout: deadlineMs,
    application_name: "redisops-lab",
  });
  client.on("error", () => undefined); // rejects the query as well
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.connection.stream.destroy();
  }
}

/** Creates the platform's tables and writes down who has opted out. */
export function createDatabase(
  postgres: PostgresServer,
  settings: Pick<PlatformSettings, "people" | "optedOutEvery">,
): Promise<void> {
  const names = Object.keys(channels) as Channel[];
  const chosen = Array.from({ length: settings.people }, (_, person) =>
    names.filter((channel) => optedOut(settings, person, channel)).map((channel) => [`u-${person}`, channel]),
  ).flat();
  return withPostgres(postgres, async (client) => {
    await client.query(notifications);
    await client.query(messages);
    await client.query(pendingDeliveriesDdl());
    await client.query(preferencesSchema);
    await client.query(optOuts, [chosen.map(([user]) => user), chosen.map(([, channel]) => channel)]);
  });
}

/** The ids of the messages that wait in pending_deliveries. */
export function waitingMessages(postgres: PostgresServer): Promise<string[]> {
  return withPostgres(postgres, async (client) => {
    const { rows } = await client.query<{ message_id: string }>("SELECT message_id FROM pending_deliveries");
    return rows.map(({ message_id }) => message_id);
  });
}
