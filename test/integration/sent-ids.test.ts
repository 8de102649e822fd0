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

const drawn = async (minAgeSeconds?: number) =>
  [...new Set(await sampleSentIds(client, source, 500, minAgeSeconds))].sort();

it("draws from the window, without what may still be on its way into the filter", async () => {
  expect(await drawn()).toEqual(["five minutes", "old"]);
});

it("leaves out what was sent after a long read began", async () => {
  expect(await drawn(600)).toEqual(["old"]);
});
