import type { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sampleByTime, type TimeSample } from "../../core/postgres/sample-by-time.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";

let workspace: Workspace;
let database: Database;
let client: Client;
let writer: Client;

beforeAll(async () => {
  workspace = await createWorkspace("sample");
  database = await startDatabase(workspace);
}, patience);

beforeEach(async () => {
  [client, writer] = await Promise.all([database.connect(), database.connect()]);
  await database.admin.query(
    `DROP TABLE IF EXISTS sent; CREATE TABLE sent (id text, sent_at timestamptz) WITH (autovacuum_enabled = off);
     CREATE INDEX sent_by_time ON sent (sent_at)`,
  );
});

afterEach(async () => {
  await Promise.all([client.end(), writer.end()]);
});

afterAll(async () => {
  await workspace.close();
});

const draw = (more: Partial<TimeSample> = {}) =>
  sampleByTime(client, {
    table: "sent",
    column: "id",
    timeColumn: "sent_at",
    maxAgeSeconds: 86_400,
    minAgeSeconds: 60,
    count: 200,
    ...more,
  });

const fill = (rows: number, youngest: string, oldest: string, by = writer) =>
  by.query(
    `INSERT INTO sent SELECT 'id-' || n, now() - $2::interval - random() * ($3::interval - $2::interval)
     FROM generate_series(1, $1::int) AS n`,
    [rows, youngest, oldest],
  );

describe("a sample by time", { timeout: patience }, () => {
  it("is of distinct rows within the span, as many as were asked for", async () => {
    await fill(5_000, "2 minutes", "20 hours");
    await writer.query(
      "INSERT INTO sent VALUES ('young', now()), ('old', now() - interval '30 hours'), ('older', now() - interval '2 days'), (NULL, now() - interval '1 hour')",
    );
    const drawn = await draw();
    expect(new Set(drawn).size).toBe(200);
    expect(drawn).not.toContain("young");
    expect(drawn).not.toContain("old");
    expect(await draw({ maxAgeSeconds: undefined, minAgeSeconds: 90_000 })).toEqual(["old"]);
    expect(await draw({ maxAgeSeconds: 30, minAgeSeconds: 10 })).toEqual([]);
  });

  it("is none of an empty table, and one row of those that share a time", async () => {
    expect(await draw()).toEqual([]);
    await writer.query(
      "INSERT INTO sent SELECT 'id-' || n, now() - interval '1 hour' FROM generate_series(1, 50) AS n",
    );
    expect(await draw()).toHaveLength(1);
  });

  it("takes times without a zone as well", async () => {
    await writer.query("ALTER TABLE sent ALTER sent_at TYPE timestamp");
    await fill(1_000, "2 minutes", "20 hours");
    expect(new Set(await draw()).size).toBe(200);
  });

  it("is even over time: a quiet stretch gets its share", async () => {
    await fill(10_000, "2 minutes", "1 hour");
    await writer.query(
      "INSERT INTO sent SELECT 'quiet-' || n, now() - interval '1 hour' - n * interval '3 minutes' FROM generate_series(1, 400) AS n",
    );
    const quiet = (await draw()).filter((id) => id.startsWith("quiet-"));
    // 400 moments over 21 hours, of which the quiet rows have 20: some 250 distinct ones of 270 or so.
    expect(quiet.length).toBeGreaterThan(150);
  });

  it("walks once past rows that nobody may see, however many moments fall among them", async () => {
    const unseen = 20_000;
    await writer.query(
      "INSERT INTO sent VALUES ('first', now() - interval '23 hours'), ('last', now() - interval '2 minutes')",
    );
    const entriesRead = async () => {
      await client.query("SELECT pg_stat_force_next_flush()");
      const { rows } = await database.admin.query<{ read: string }>(
        "SELECT idx_tup_read AS read FROM pg_stat_user_indexes WHERE indexrelname = 'sent_by_time'",
      );
      return Number(rows[0]?.read);
    };
    await writer.query("BEGIN");
    await fill(unseen, "3 minutes", "22 hours");
    const before = await entriesRead();
    expect((await draw()).sort()).toEqual(["last"]);
    const read = (await entriesRead()) - before;
    expect(read).toBeGreaterThan(unseen);
    expect(read).toBeLessThan(5 * unseen);
    await writer.query("ROLLBACK");
  });
});
