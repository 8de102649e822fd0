import type pg from "pg";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { GuardedPostgres } from "../../fallbacks/guard/guarded-postgres.ts";
import { type StoreFailure, storeFailure } from "../../fallbacks/guard/store-failure.ts";
import { ChangeFeed } from "../../fallbacks/preferences/change-feed.ts";
import { Signals } from "../../fallbacks/signals/signals.ts";
import { waitUntil } from "../../lab/wait.ts";
import { patience } from "../fixtures/processes.ts";
import { type PreferencesPlatform, startPreferencesPlatform } from "./fallbacks/preferences-platform.ts";

let platform: PreferencesPlatform;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  platform = await startPreferencesPlatform("preferences-changes");
}, 2 * patience);

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

afterAll(() => platform?.close());

/** Postgres over a network that can be made to lose every second answer, or to bring the next one late. */
class PoorConnection extends GuardedPostgres {
  poor = false;
  late = 0;
  lost = 0;
  #asked = 0;

  override async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    deadlineMs?: number,
  ): Promise<pg.QueryResult<Row> | StoreFailure> {
    const result = await super.query<Row>(text, values, deadlineMs);
    const { late } = this;
    this.late = 0;
    if (late > 0) await new Promise((resolve) => setTimeout(resolve, late));
    if (!this.poor || ++this.#asked % 2 === 1) return result;
    this.lost += 1;
    return storeFailure("timeout");
  }
}

async function follow(configure: (database: PoorConnection) => void = () => undefined) {
  const metrics = new Registry();
  const database = new PoorConnection(platform.database("postgres"), { metrics });
  configure(database);
  const refused = Signals.of(metrics).counter("redisops_store_failures_total", {
    role: "postgres",
    error_class: "other",
  });
  const feed = new ChangeFeed(database, "preference_changes", 3_600, refused, {
    pollMs: 20,
    vouchMs: 2_000,
    pollDeadlineMs: 20_000,
  });
  ends.push(
    () => feed.close(),
    () => database.close(),
  );
  return { feed, database };
}

/** An entry that is read now. */
async function entry() {
  const { rows } = await platform.sql.query<{ as_of: string; read_at: number }>(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS as_of, extract(epoch FROM now())::float8 AS read_at",
  );
  return { asOf: Number(rows[0]?.as_of), readAt: rows[0]?.read_at ?? 0, optedOut: [] };
}

const change = (prefix: string, count: number) =>
  platform.sql.query(
    "INSERT INTO preferences (user_id, channel, opted_out) SELECT $1 || n, 'sms', true FROM generate_series(1, $2::int) AS n",
    [prefix, count],
  );

describe("changes are followed", { timeout: 2 * patience }, () => {
  test("also where every second page fails: a look goes on where it was", async () => {
    const { feed, database } = await follow();
    expect(await feed.ready(patience)).toBe(true);
    database.poor = true;
    const old = await entry();
    await change("a", 25_000);
    const before = database.lost;
    await waitUntil(() => feed.standing("a25000", old) === "outdated", {
      what: "the last change to be heard of",
      deadlineMs: patience,
    });
    const fresh = await entry();
    await waitUntil(() => feed.standing("a25000", fresh) === "current", {
      what: "the look to be over",
      deadlineMs: patience,
    });
    expect(database.lost).toBeGreaterThan(before);
    expect(feed.standing("a1", old)).toBe("outdated");
    expect(feed.standing("nobody", old)).toBe("current");
  });

  test("from the start where every second page fails", async () => {
    const { feed, database } = await follow((each) => {
      each.poor = true;
    });
    const old = { ...(await entry()), asOf: 1 };
    expect(await feed.ready(patience)).toBe(true);
    expect(database.lost).toBeGreaterThan(0);
    expect(feed.standing("a1", old)).toBe("outdated");
    expect(feed.standing("a25000", old)).toBe("outdated");
  });

  test("no further than it pays: after a great many at once, older entries are disbelieved instead", async () => {
    const { feed } = await follow();
    expect(await feed.ready(patience)).toBe(true);
    const old = await entry();
    const known = feed.changedUsers;
    await change("b", 90_000);
    // Everybody whose change was not read is among them.
    await waitUntil(() => feed.standing("somebody", old) === "unknown" && feed.vouching, {
      what: "old entries to be disbelieved",
      deadlineMs: patience,
    });
    expect(feed.changedUsers - known).toBeLessThanOrEqual(50_000);
    for (const user of ["b1", "b50000", "b90000"]) expect(feed.standing(user, old), user).not.toBe("current");
    const fresh = await entry();
    await waitUntil(() => feed.standing("b90000", fresh) === "current", {
      what: "entries read since to be believed",
      deadlineMs: patience,
    });
    await change("c", 1);
    await waitUntil(() => feed.standing("c1", fresh) === "outdated", {
      what: "the next change",
      deadlineMs: patience,
    });
  });

  test("and who waits for that is not let go by a look that took too long to vouch for anything", async () => {
    const { feed } = await follow((database) => {
      database.late = 2_500;
    });
    expect(await feed.ready(patience)).toBe(true);
  });
});
