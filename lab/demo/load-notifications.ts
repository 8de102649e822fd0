import { Redis } from "ioredis";
import { Client } from "pg";
import { BitmapFilter } from "../../core/filter/bitmap-filter.ts";
import { bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import { copyIds } from "../../core/postgres/copy-ids.ts";
import { idText } from "../../core/postgres/copy-tuples.ts";
import type { DemoPlatform } from "./platform.ts";

/** Ids per round trip, as a busy worker would send them. */
const batchSize = 5_000;

const schema = `
  CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
  CREATE TABLE pending_deliveries (
    message_id text PRIMARY KEY, user_id text NOT NULL, body text NOT NULL, created_at timestamptz NOT NULL);
  CREATE INDEX ON pending_deliveries (created_at);`;

const rows = `
  INSERT INTO notifications
  SELECT gen_random_uuid()::text, now() - interval '2 minutes' - random() * interval '23 hours'
  FROM generate_series(1, $1::int)`;

const waiting = `
  INSERT INTO pending_deliveries
  SELECT gen_random_uuid()::text, 'offline-' || n, 'hello', now() - random() * interval '3 hours'
  FROM generate_series(1, 250) AS n`;

/** A Postgres client of the demo's database; the caller ends it. */
async function demoDatabase({ postgres }: DemoPlatform): Promise<Client> {
  const client = new Client(postgres.connection);
  await client.connect();
  return client;
}

/**
 * Fills Postgres with sent notifications and offline people's waiting messages, and adds the sent ids to the filter the
 * way workers do. Returns how many ids the filter took.
 */
export async function loadNotifications(
  platform: DemoPlatform,
  ids: number,
  capacity: number,
): Promise<number> {
  const database = await demoDatabase(platform);
  const redis = new Redis({ port: platform.dedup.port, host: "127.0.0.1", protocol: 2 });
  try {
    await database.query(schema);
    await database.query(rows, [ids]);
    await database.query("CREATE INDEX ON notifications (sent_at)");
    await database.query(waiting);
    const filter = new BitmapFilter(
      redis,
      "dedup",
      "{dedup:sent}",
      bitmapLayout({ capacity, errorRate: 0.01 }),
    );
    let batch: string[] = [];
    const { ids: copied } = await copyIds(database, {
      query: "SELECT id FROM notifications",
      onId: (bytes, start, end) => {
        batch.push(idText(bytes, start, end));
      },
      onChunk: async () => {
        if (batch.length < batchSize) return;
        await filter.add(batch);
        batch = [];
      },
    });
    await filter.add(batch);
    return copied;
  } finally {
    redis.disconnect();
    await database.end();
  }
}
