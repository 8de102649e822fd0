import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sampleSentIds } from "../../core/postgres/sent-ids.ts";
import { startPostgres } from "../../lab/servers/postgres.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";

const source = { table: "notifications", id_column: "id", sent_at_column: "sent_at", window: "1h" };

let workspace: Workspace;
let client: pg.Client;

beforeAll(async () => {
  workspace = await createWorkspace("sent-ids");
  const postgres = await startPostgres(workspace);
  client = new pg.Client(postgres.connection);
  await client.connect();
  await client.query(`
    CREATE TABLE notifications (id text, sent_at timestamptz NOT NULL);
    INSERT INTO notifications VALUES
      ('before the window', now() - interval '2 hours'), ('old', now() - interval '50 minutes'),
      ('five minutes', now() - interval '5 minutes'), ('just now', now());`);
});

afterAll(async () => {
  await client.end();
  await workspace.close();
});

const drawn = async (minAgeSeconds?: number, table = source.table) =>
  (await sampleSentIds(client, { ...source, table }, 500, minAgeSeconds)).sort();

it("draws from the window, without what may still be on its way into the filter", async () => {
  expect(await drawn()).toEqual(["five minutes", "old"]);
});

it("leaves out what was sent after a long read began", async () => {
  expect(await drawn(600)).toEqual(["old"]);
});

it("draws from a view, each id once although it is there twice", async () => {
  await client.query(
    "CREATE VIEW sent AS SELECT * FROM notifications UNION ALL SELECT id, sent_at + interval '1 minute' FROM notifications",
  );
  expect(await drawn(undefined, "sent")).toEqual(["five minutes", "old"]);
});

it("draws as many as asked for where there are enough, and leaves out rows without an id", async () => {
  await client.query(
    `CREATE TABLE many AS SELECT CASE WHEN n % 10 > 0 THEN 'id-' || n END AS id, now() - n * interval '1 second' AS sent_at
     FROM generate_series(61, 3500) AS n`,
  );
  const ids = await sampleSentIds(client, { ...source, table: "many" }, 100);
  expect(new Set(ids).size).toBe(100);
});
