import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { printedError, run } from "./run.ts";

let workspace: Workspace;
let postgres: PostgresServer;
let database: pg.Client;
let config: string;

async function configure(name: string, tables: object = {}, port = postgres.port): Promise<string> {
  const path = join(workspace.dir, `${name}.json`);
  const section = {
    address: `127.0.0.1:${port}`,
    database: "postgres",
    user: "postgres",
    password: "${AUDIT_POSTGRES}",
    tables,
  };
  await writeFile(path, JSON.stringify({ platform: "audit", roles: {}, postgres: section }));
  return path;
}

beforeAll(async () => {
  workspace = await createWorkspace("audit");
  postgres = await startPostgres(workspace);
  database = new pg.Client(postgres.connection);
  await database.connect();
  await database.query(preferencesSchema);
  config = await configure("redisops");
}, patience);

afterAll(async () => {
  await database?.end();
  await workspace.close();
});

const audit = (...words: string[]) =>
  run(["audit", "preferences", "--config", config, ...words], { AUDIT_POSTGRES: postgres.password });

/** Records a change as of some minutes ago, as its trigger would have. */
const changed = (minutesAgo: number, user: string, was: boolean | null, now: boolean | null) =>
  database.query(
    `INSERT INTO preference_changes (user_id, channel, was_opted_out, opted_out, changed_at)
     VALUES ($1, 'sms', $2, $3, now() - $4 * interval '1 minute')`,
    [user, was, now, minutesAgo],
  );

const exposed = (minutesAgo: number, user: string, notification = `n-${user}-${minutesAgo}`) =>
  database.query(
    "INSERT INTO preference_exposures VALUES ($1, 'sms', $2, now() - $3 * interval '1 minute')",
    [notification, user, minutesAgo],
  );

describe("redisops audit preferences", { timeout: patience }, () => {
  test("says when nobody was notified against their will", async () => {
    expect(await audit()).toEqual({
      code: 0,
      stdout:
        "Nobody was notified against their will: 0 notifications were sent on assumption in the last 7d.\n",
      stderr: "",
    });
  });

  test("judges each notification by what its recipient had chosen at that moment", async () => {
    // Chosen before the record of changes began, and never changed since.
    await database.query("ALTER TABLE preferences DISABLE TRIGGER USER");
    await database.query(`
      INSERT INTO preferences VALUES ('always-out', 'sms', true, now() - interval '90 days'),
        ('out-lately', 'sms', true, now()), ('other-channel', 'push', true, now() - interval '90 days')`);
    await database.query("ALTER TABLE preferences ENABLE TRIGGER USER");
    await changed(60, "out-then-in", null, true);
    await changed(30, "out-then-in", true, false);
    await changed(20, "in-from-long-ago-out", true, false);
    await changed(20, "deleted", true, null);
    await changed(90, "in-then-out", null, false);
    await changed(40, "in-then-out", false, true);
    for (const user of [
      "always-out",
      "out-lately",
      "other-channel",
      "out-then-in",
      "in-from-long-ago-out",
      "deleted",
      "in-then-out",
      "unknown",
    ]) {
      for (const minutesAgo of [75, 50, 25, 10]) await exposed(minutesAgo, user);
    }
    const { code, stdout } = await audit("--json");
    expect(code).toBe(0);
    const { listed, ...rest } = JSON.parse(stdout) as { listed: Record<string, string | null>[] };
    expect(listed.map((each) => each.notification_id).toSorted()).toEqual([
      "n-always-out-10",
      "n-always-out-25",
      "n-always-out-50",
      "n-always-out-75",
      "n-deleted-25",
      "n-deleted-50",
      "n-deleted-75",
      "n-in-from-long-ago-out-25",
      "n-in-from-long-ago-out-50",
      "n-in-from-long-ago-out-75",
      "n-in-then-out-10",
      "n-in-then-out-25",
      "n-out-then-in-50",
    ]);
    expect(rest).toEqual({
      since: expect.stringMatching(/Z$/),
      until: expect.stringMatching(/Z$/),
      notifications: 13,
      people: 5,
      examined: { in_table: 32, in_folders: 0, damaged_lines: 0 },
    });
    const one = listed.find((each) => each.notification_id === "n-out-then-in-50");
    expect(one).toEqual({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      user_id: "out-then-in",
      channel: "sms",
      notification_id: "n-out-then-in-50",
      opted_out_at: expect.stringMatching(/Z$/),
    });
    expect(Date.parse(one?.at ?? "") - Date.parse(one?.opted_out_at ?? "")).toBeCloseTo(600_000, -4);
    expect(listed.find((each) => each.user_id === "deleted")?.opted_out_at).toBeNull();
  });

  test("prints a table, the oldest first, no longer than asked for", async () => {
    const { code, stdout, stderr } = await audit("--since", "1h", "--limit", "2");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [title, blank, ...lines] = stdout.split("\n");
    expect(title).toBe(
      "10 notifications went to 5 people who had opted out; 24 notifications were sent on assumption in the last 1h.",
    );
    expect(blank).toBe("");
    expect(lines.map((line) => line.trim().split(/ {2,}/).slice(1))).toEqual([
      ["USER", "CHANNEL", "NOTIFICATION", "OPTED OUT"],
      ["always-out", "sms", "n-always-out-50", expect.stringMatching(/Z$/)],
      ["out-then-in", "sms", "n-out-then-in-50", expect.stringMatching(/Z$/)],
      [],
      [],
    ]);
    expect(lines[3]).toBe("... and 8 more; --limit shows them.");
    expect((await audit("--since", "1h")).stdout).toMatch(/Z {2}deleted +sms +n-deleted-50 +not on record\n/);
    expect((await audit("--since", "15m", "--limit", "0")).stdout).toMatch(
      /^2 notifications went to 2 people .*\n\n/,
    );
  });

  test("looks at the time between two moments, the end left out, also in folders", async () => {
    const listed = async (...words: string[]) => {
      const { stdout } = await audit("--json", ...words);
      const { listed: rows } = JSON.parse(stdout) as { listed: { notification_id: string }[] };
      return rows.map((row) => row.notification_id);
    };
    const { rows } = await database.query<{ at: Date }>(
      "SELECT exposed_at AS at FROM preference_exposures WHERE notification_id = 'n-always-out-50'",
    );
    const at = rows[0]?.at.getTime() ?? 0;
    const iso = (milliseconds: number) => new Date(milliseconds).toISOString();
    expect(await listed("--from", iso(at - 60_000), "--to", iso(at + 60_000))).toContain("n-always-out-50");
    expect(await listed("--from", iso(at - 60_000), "--to", iso(at))).toEqual([]);
    const folder = await workspace.folder("bounded");
    const line = (minutesAgo: number) =>
      JSON.stringify({
        at: iso(Date.now() - minutesAgo * 60_000),
        user_id: "always-out",
        channel: "sms",
        notification_id: `local-${minutesAgo}`,
      });
    await writeFile(join(folder, "a.jsonl"), `${line(100)}\n${line(95)}\n${line(92)}\n`);
    expect(await listed("--from", "97m", "--to", "94m", "--exposures", folder)).toEqual(["local-95"]);
  });

  test("writes CSV, with the count on stderr", async () => {
    const { code, stdout, stderr } = await audit("--from", "60m", "--to", "40m", "--format", "csv");
    expect(code).toBe(0);
    expect(stderr).toMatch(/^4 notifications went to 4 people who had opted out; 8 notifications were /);
    const lines = stdout.split("\r\n");
    expect(lines[0]).toBe("at,user_id,channel,notification_id,opted_out_at");
    expect(lines).toHaveLength(6);
    expect(stdout).toMatch(/Z,deleted,sms,n-deleted-50,\r\n/);
  });

  test("prints no control characters of ids", async () => {
    const user = "\u001b[2J\u202eevil";
    await changed(4, user, false, true);
    await exposed(3, user, "n-\u0007\n1");
    const { stdout } = await audit("--since", "4m");
    expect(stdout).toMatch(/ \ufffd\[2J\ufffdevil +sms +n-\ufffd\ufffd1 /);
    const { listed } = JSON.parse((await audit("--since", "4m", "--json")).stdout) as {
      listed: { user_id: string }[];
    };
    expect(listed.map((each) => each.user_id)).toEqual([user]);
    await database.query("DELETE FROM preference_exposures WHERE user_id = $1", [user]);
  });

  test("reads folders, counts what is in the table as well once, and tells of torn lines", async () => {
    const folder = await workspace.folder("records");
    const at = new Date(Date.now() - 10 * 60_000).toISOString();
    const line = (user: string, notification: string) =>
      JSON.stringify({ at, user_id: user, channel: "sms", notification_id: notification });
    await writeFile(
      join(folder, "a.jsonl"),
      [
        line("always-out", "n-always-out-10"),
        line("always-out", "local"),
        line("always-out", "local"),
        line("unknown", "x"),
        '{"at":"2026',
      ].join("\n"),
    );
    const { stdout, stderr } = await audit("--since", "15m", "--exposures", folder);
    expect(stdout).toContain(
      "3 notifications went to 2 people who had opted out; 11 notifications were sent on assumption in the last 15m, 3 of them from folders.",
    );
    expect(
      stdout
        .match(/always-out +sms +\S+/g)
        ?.map((text) => text.split(/ +/)[2])
        .toSorted(),
    ).toEqual(["local", "n-always-out-10"]);
    expect(stderr).toBe("warning: 1 line of the folders could not be read: torn when a process was killed\n");
  });

  test("goes through more than a page", async () => {
    await database.query(`
      INSERT INTO preference_exposures
        SELECT 'bulk-' || n, 'push', CASE WHEN n % 100 = 0 THEN 'other-channel' ELSE 'crowd-' || n END,
          now() - interval '100 days' FROM generate_series(1, 12000) AS n`);
    const { stdout } = await audit("--since", "101d", "--json", "--limit", "5");
    expect(JSON.parse(stdout)).toMatchObject({ notifications: 13, examined: { in_table: 12_032 } });
    await database.query(
      "UPDATE preference_exposures SET exposed_at = now() - interval '80 days' WHERE channel = 'push'",
    );
    const later = await audit("--since", "101d", "--json", "--limit", "5");
    expect(JSON.parse(later.stdout)).toMatchObject({ notifications: 133, examined: { in_table: 12_032 } });
  });
});

describe("redisops audit preferences tells", { timeout: patience }, () => {
  test("wrong words", async () => {
    expect(printedError(await audit("--json", "--since", "yesterday"))).toMatchObject({
      code: "USAGE",
      message: '--since expects a duration such as 90m or 7d, got "yesterday"',
    });
    const words = [
      ...["999999999d", "9".repeat(400).concat("d")].map((since) => ["--since", since]),
      ...["-1", "1.5", "x", "1000000"].map((limit) => [`--limit=${limit}`]),
    ];
    const outcomes = await Promise.all(words.map((each) => audit("--json", ...each)));
    for (const outcome of outcomes) expect(printedError(outcome).code).toBe("USAGE");
    expect((await run(["audit"])).stderr).toContain("Say what to audit: preferences");
  });

  test("a configuration without Postgres", async () => {
    const path = join(workspace.dir, "none.json");
    await writeFile(path, JSON.stringify({ platform: "audit", roles: {} }));
    expect(printedError(await run(["audit", "preferences", "--json", "--config", path])).code).toBe(
      "CONFIG_INCOMPLETE",
    );
  });

  test("a folder that cannot be read", async () => {
    const nowhere = join(workspace.dir, "nowhere");
    const error = printedError(await audit("--json", "--exposures", nowhere));
    expect(error).toMatchObject({ code: "EXPOSURES_UNAVAILABLE", target: nowhere });
    const odd = join(workspace.dir, "odd");
    await mkdir(join(odd, "folder.jsonl"), { recursive: true });
    expect(printedError(await audit("--json", "--exposures", odd)).code).toBe("EXPOSURES_UNAVAILABLE");
  });

  test("ids that are not text, and takes a view of them", async () => {
    await database.query(`
      CREATE SCHEMA other;
      CREATE TABLE other.preferences (user_id uuid, channel text, opted_out boolean, changed_at timestamptz);
      CREATE VIEW other.as_text AS SELECT user_id::text, channel, opted_out, changed_at FROM other.preferences`);
    const env = { AUDIT_POSTGRES: postgres.password };
    const words = ["audit", "preferences", "--json", "--config"];
    const uuid = await configure("uuid", { preferences: { table: "other.preferences" } });
    expect(printedError(await run([...words, uuid], env))).toMatchObject({
      code: "POSTGRES_ERROR",
      message: expect.stringContaining("user_id is of type uuid"),
    });
    const view = await configure("view", { preferences: { table: "other.as_text" } });
    expect((await run([...words, view], env)).code).toBe(0);
  });

  test("a table that does not exist, and a Postgres that is away", async () => {
    const env = { AUDIT_POSTGRES: postgres.password };
    const missing = await configure("missing", { preferences: { changes_table: "elsewhere.changes" } });
    const words = ["audit", "preferences", "--json", "--config"];
    await exposed(5, "always-out");
    expect(printedError(await run([...words, missing], env)).code).toBe("POSTGRES_RELATION_MISSING");
    const away = await configure("away", {}, await workspace.port());
    expect(printedError(await run([...words, away], env)).code).toBe("POSTGRES_REFUSED");
  });
});
