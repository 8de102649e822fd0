import { readFile } from "node:fs/promises";
import { Cluster, Redis } from "ioredis";
import type { Client } from "pg";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import { decodePreferences, encodePreferences } from "../../core/preferences/cache-entry.ts";
import { readPreferences } from "../../core/preferences/read-rows.ts";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import { PreferencesClient } from "../../fallbacks/preferences/preferences-client.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import type { OptionsOf } from "../../recovery/options.ts";
import { preferences } from "../../recovery/preferences/preferences.ts";
import type { Plan, RecoveryContext, Run } from "../../recovery/recovery.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { decidedBy } from "./fallbacks/preferences-platform.ts";

let workspace: Workspace;
let database: Database;
let sql: Client;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-preferences");
  database = await startDatabase(workspace);
  sql = database.admin;
  await sql.query(preferencesSchema);
  await sql.query(`CREATE TABLE activity (user_id text NOT NULL, sent_at timestamptz NOT NULL);
    CREATE INDEX ON activity (sent_at, user_id)`);
}, patience);
afterAll(() => workspace.close());

type Options = OptionsOf<"preferences">;
const noOptions: Options = { since: undefined, scan: false, warm: 0, "no-warm": false, ramp: 0 };

/** What happens beside a run, and what it had written down. */
interface Beside {
  /** Called before each batch of writes. */
  readonly onPace?: (items: number) => Promise<void> | void;
  readonly onStep?: (name: string) => void;
  readonly saved?: Map<string, unknown>;
}

function runOf({ onPace, onStep, saved = new Map() }: Beside = {}): Run {
  const step: Run["step"] = async (name, work) => {
    onStep?.(name);
    return work();
  };
  return {
    id: "run",
    step,
    finish: step,
    pace: async (items) => onPace?.(items),
    checkpoint: <T>(name: string) => saved.get(name) as T | undefined,
    saveCheckpoint: async (name, value) => void saved.set(name, JSON.parse(JSON.stringify(value))),
    chunks: {
      layDown: async () => undefined,
      claim: async () => undefined,
      remaining: async () => 0,
    },
  };
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);

describe.each(["standalone", "cluster"] as const)("preferences on %s", { timeout: patience }, (topology) => {
  let role: Readonly<Record<string, unknown>>;
  let cache: Redis | Cluster;

  beforeAll(async () => {
    if (topology === "standalone") {
      const server = await startRedis(workspace, { name: "cache" });
      cache = new Redis({ port: server.port, protocol: 2 });
      role = { topology, address: `127.0.0.1:${server.port}` };
    } else {
      const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
      cache = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
      role = { topology, nodes: [`127.0.0.1:${nodes[0]?.port}`] };
    }
  }, patience);
  afterAll(() => cache?.disconnect());

  beforeEach(async () => {
    await sql.query("TRUNCATE preferences, preference_changes RESTART IDENTITY");
    await sql.query("TRUNCATE activity; DELETE FROM preference_changes");
    const nodes = cache instanceof Cluster ? cache.nodes("master") : [cache];
    await Promise.all(nodes.map((node) => node.flushall()));
  });

  function contextOf(options: Partial<Options> = {}, recovery: object = {}, tables: object = {}) {
    const config: Config = parseConfig(
      JSON.stringify({
        platform: "test",
        roles: { preferences: role },
        postgres: database.section({ tables: { preferences: tables } }),
        recovery: { preferences: recovery },
      }),
      "test",
    );
    const context: RecoveryContext<"preferences"> = {
      config,
      options: { ...noOptions, ...options },
      signal: new AbortController().signal,
      onProgress: () => undefined,
      onStepEnd: () => undefined,
      onWarning: () => undefined,
    };
    return context;
  }

  /** Programs that know nothing of redisops take choices. */
  const choose = (users: readonly string[], optedOut: boolean, client: Client = sql) =>
    client.query(
      `INSERT INTO preferences (user_id, channel, opted_out) SELECT unnest($1::text[]), 'sms', $2
       ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = excluded.opted_out`,
      [users, optedOut],
    );

  /** Workers read users' rows now, and cache them. */
  async function remember(users: readonly string[]): Promise<void> {
    // The transactions before are over for the snapshot of the read.
    await sql.query("SELECT pg_current_xact_id()");
    const read = await readPreferences(sql, "preferences", users);
    await Promise.all(
      [...read].map(([user, entry]) => cache.set(`prefs:${user}`, encodePreferences(entry), "PX", 600_000)),
    );
  }

  async function present(users: readonly string[]): Promise<string[]> {
    const found = await Promise.all(users.map((user) => cache.exists(`prefs:${user}`)));
    return users.filter((_, index) => found[index] === 1);
  }

  const factsOf = (plan: Plan) => plan.facts.map(({ label, value }) => `${label}: ${value}`).join("\n");

  const outs = names("out", 400);
  const ins = names("in", 200);
  const others = names("other", 100);

  /** The cache was away while people changed their minds; then some were read anew. */
  async function missedChanges(): Promise<void> {
    await choose(ins, true);
    await remember([...outs, ...ins, ...others]);
    await choose(outs, true);
    await choose(ins, false);
    await remember(outs.slice(0, 50));
  }

  it("finds nothing to do where every entry reflects its row", async () => {
    await choose(outs, true);
    await remember([...outs, ...others]);
    const plan = await preferences.plan(contextOf());
    expect(plan.hasChanges).toBe(false);
    expect(factsOf(plan)).toContain("their entries: 0 outdated");
    expect(plan.details.by).toBe("changes");
  });

  it("deletes what is older than its row, opt-outs first, and nothing else", async () => {
    await missedChanges();
    await cache.set("prefs:out-399", '{"sms":false}');
    await cache.del("prefs:out-398");
    await cache.hset("prefs:out-398", "sms", "0");
    const context = contextOf();
    const plan = await preferences.plan(context);
    expect(plan.hasChanges).toBe(true);
    expect(factsOf(plan)).toContain(
      "their entries: 548 outdated, 2 of another layout, 50 newer than the change, 0 without an entry",
    );
    // Nothing was changed by that.
    expect(await present([...outs, ...ins, ...others])).toHaveLength(700);
    let afterOptOuts: string[] = [];
    const steps: string[] = [];
    const run = runOf({
      onStep: (name) => steps.push(name),
      onPace: async () => {
        if (steps.length === 2 && afterOptOuts.length === 0) afterOptOuts = await present([...outs, ...ins]);
      },
    });
    await preferences.execute(context, plan, run);
    expect(afterOptOuts).toEqual([...outs.slice(0, 50), ...ins]);
    expect(await present([...outs, ...ins, ...others])).toEqual([...outs.slice(0, 50), ...others]);
    const verification = await preferences.verify(context, plan);
    expect(verification).toMatchObject({
      holds: true,
      figures: { changed_people: 600, wrong_entries: 0 },
    });
    expect((await preferences.plan(context)).hasChanges).toBe(false);
  });

  it("verifies all who changed something: one entry that is outdated still is found", async () => {
    await missedChanges();
    const context = contextOf();
    const plan = await preferences.plan(context);
    const old = await cache.get("prefs:out-77");
    await preferences.execute(context, plan, runOf());
    await cache.set("prefs:out-77", String(old));
    const verification = await preferences.verify(context, plan);
    expect(verification).toMatchObject({ holds: false, figures: { wrong_entries: 1 } });
    expect(JSON.stringify(verification)).not.toContain("out-77");
    await remember(["out-77"]);
    expect(await preferences.verify(context, plan)).toMatchObject({ holds: true });
  });

  it("does not take for a failure what was committed since the plan: its readers know", async () => {
    await missedChanges();
    const transaction = await database.connect();
    await transaction.query("BEGIN");
    await choose(["in-3"], true, transaction);
    await choose(["somebody"], true);
    const context = contextOf();
    const plan = await preferences.plan(context);
    await preferences.execute(context, plan, runOf());
    await remember(["in-3", "out-3"]);
    await transaction.query("COMMIT");
    await transaction.end();
    await choose(["out-3"], false);
    const verification = await preferences.verify(context, plan);
    expect(verification).toMatchObject({ holds: true, figures: { wrong_entries: 0 } });
    expect(JSON.stringify(verification)).toContain("; 1 changed again since");
  });

  it("leaves an entry alone that a worker writes at that moment", async () => {
    await missedChanges();
    const context = contextOf();
    const plan = await preferences.plan(context);
    const late = ["out-60", "in-7"];
    await preferences.execute(context, plan, runOf({ onPace: () => remember(late) }));
    expect(await present([...outs, ...ins])).toEqual([...outs.slice(0, 50), ...late]);
  });

  it("goes on where it was interrupted", async () => {
    await missedChanges();
    await choose(names("more", 12_000), true);
    const context = contextOf();
    const plan = JSON.parse(JSON.stringify(await preferences.plan(context))) as Awaited<
      ReturnType<typeof preferences.plan>
    >;
    const saved = new Map<string, unknown>();
    let paces = 0;
    const stopping = () => {
      paces += 1;
      // Three pages of opt-outs, then the first page of other changes.
      if (paces === 4) throw new RedisopsError("INTERRUPTED", "enough");
    };
    await expect(preferences.execute(context, plan, runOf({ saved, onPace: stopping }))).rejects.toThrow(
      "enough",
    );
    expect(saved.get("opt_outs")).toBe(plan.details.upTo);
    expect(await present([...outs, ...ins])).toEqual([...outs.slice(0, 50), ...ins]);
    let resumed = 0;
    await preferences.execute(
      context,
      plan,
      runOf({
        saved,
        onPace: () => {
          resumed += 1;
        },
      }),
    );
    // The opt-outs are done.
    expect(resumed).toBe(1);
    expect(await present([...outs, ...ins])).toEqual(outs.slice(0, 50));
    expect(await preferences.verify(context, plan)).toMatchObject({ holds: true });
    // A target that lost what was written has no checkpoints; all of it again is harmless.
    await preferences.execute(context, plan, runOf());
    expect(await present([...outs, ...ins])).toEqual(outs.slice(0, 50));
  });

  it("compares every entry with its row where no changes are recorded", async () => {
    await missedChanges();
    await cache.set("prefs:out-399", "something else");
    const context = contextOf({}, {}, { changes_table: "nowhere" });
    const plan = await preferences.plan(context);
    expect(plan.details.by).toBe("scan");
    expect(factsOf(plan)).toContain("every entry, because there is no table of changes");
    await preferences.execute(context, plan, runOf());
    expect(await present([...outs, ...ins, ...others])).toEqual([...outs.slice(0, 50), ...others]);
    expect(await preferences.verify(context, plan)).toMatchObject({ holds: true });
  });

  it("does not begin slowly where wrong entries are to be deleted", async () => {
    await remember([...outs, ...ins, ...others]);
    await choose(outs, true);
    const context = contextOf({ scan: true, "no-warm": true, ramp: 3_600_000 });
    const plan = await preferences.plan(context);
    let batches = 0;
    const counted = () => {
      batches += 1;
    };
    await preferences.execute(context, plan, runOf({ onPace: counted }));
    expect(await present([...outs, ...ins, ...others])).toEqual([...ins, ...others]);
    // A hundred and more at a time: those of a rate that begins low are ten.
    expect(batches).toBeLessThan(30);
  });

  it("compares every entry where changes went past the triggers, or Postgres lost transactions", async () => {
    await choose(outs, false);
    await remember([...outs, ...others]);
    await sql.query("BEGIN; SET LOCAL session_replication_role = replica");
    await sql.query("UPDATE preferences SET opted_out = true");
    await sql.query("COMMIT");
    const context = contextOf();
    const stale = await preferences.plan(context);
    expect(factsOf(stale)).toMatch(
      /looks at: every entry, because \d+ of \d+ sampled entries contradict their row/,
    );
    // A run that does nothing does not turn green.
    expect((await preferences.verify(context, stale)).holds).toBe(false);
    await preferences.execute(context, stale, runOf());
    expect(await present([...outs, ...others])).toEqual(others);
    expect(await preferences.verify(context, stale)).toMatchObject({ holds: true });

    const [future] = [...(await readPreferences(sql, "preferences", ["out-1"])).values()];
    if (future === undefined) throw new Error("not read");
    await cache.set("prefs:out-1", encodePreferences({ ...future, asOf: future.asOf + 1_000_000 }));
    const lost = await preferences.plan(context);
    expect(factsOf(lost)).toContain(
      "1 of 101 sampled entries were read from transactions that Postgres does not",
    );
    await preferences.execute(context, lost, runOf());
    expect(await present(["out-1", ...others])).toEqual(others);
  });

  describe("warming", () => {
    const people = names("active", 3_000);
    const recovery = { activity: { table: "activity" } };

    beforeEach(async () => {
      await sql.query(
        `INSERT INTO activity SELECT 'active-' || n % 3000, now() - n * interval '1 second'
         FROM generate_series(0, 8999) AS n`,
      );
    });

    it("fills the cache with the latest active, from one snapshot each, for as long as workers would", async () => {
      await choose(people.slice(0, 10), true);
      const context = contextOf({ warm: 1_000, ramp: 300 }, recovery, { reads_per_second: 20_000 });
      const plan = await preferences.plan(context);
      expect(plan.hasChanges).toBe(true);
      expect(factsOf(plan)).toContain(
        "the latest in activity by sent_at: 1,000 of the 1,000 latest have no entry",
      );
      expect(factsOf(plan)).toContain("up to 5,000 reads a second, 25 % of what it serves (20,000 a second)");
      await preferences.execute(context, plan, runOf());
      expect(await present(people)).toEqual(people.slice(0, 1_000));
      const entry = decodePreferences(String(await cache.get("prefs:active-3")));
      expect(entry?.optedOut).toEqual(["sms"]);
      expect(Math.abs((entry?.readAt ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
      const life = await cache.pttl("prefs:active-3");
      expect(life).toBeGreaterThan(3_100_000);
      expect(life).toBeLessThanOrEqual(3_960_000);
      expect(await preferences.verify(context, plan)).toMatchObject({
        holds: true,
        figures: { warm_hit_ratio: 1 },
      });
      expect((await preferences.plan(context)).hasChanges).toBe(false);
    });

    it("is not verified where the entries are gone again", async () => {
      const context = contextOf({ warm: 100 }, recovery);
      const plan = await preferences.plan(context);
      await preferences.execute(context, plan, runOf());
      for (const user of people.slice(0, 20)) await cache.del(`prefs:${user}`);
      expect(await preferences.verify(context, plan)).toMatchObject({
        holds: false,
        figures: { warm_hit_ratio: 0.8 },
      });
    });

    it("knows those who changed something where nothing else says who is active", async () => {
      await choose(outs, true);
      const context = contextOf({ warm: 300 });
      const plan = await preferences.plan(context);
      await preferences.execute(context, plan, runOf());
      expect((await present(outs)).length).toBe(300);
      expect(await preferences.verify(context, plan)).toMatchObject({ holds: true });
    });

    it("goes on with the next people after an interruption, and takes no entry's place", async () => {
      const context = contextOf({ warm: 3_000 }, recovery);
      const plan = await preferences.plan(context);
      const saved = new Map<string, unknown>();
      const other = encodePreferences({ asOf: 1, readAt: 1, optedOut: ["worker"] });
      let written = false;
      await preferences.execute(
        context,
        plan,
        runOf({
          saved,
          onPace: async () => {
            if (!written) for (const user of people) await cache.set(`prefs:${user}`, other, "NX");
            written = true;
          },
        }),
      );
      const values = await Promise.all(people.map((user) => cache.get(`prefs:${user}`)));
      expect(new Set(values)).toEqual(new Set([other]));
      expect(saved.get("warm")).toMatchObject({ done: 3_000 });
      // What is done is not done again.
      await cache.del("prefs:active-0");
      await preferences.execute(context, plan, runOf({ saved }));
      expect(await present(["active-0"])).toEqual([]);
    });

    it("hides no opt-out that is committed between its read and its write", async () => {
      const context = contextOf({ warm: 500 }, recovery);
      const plan = await preferences.plan(context);
      const [undecided = ""] = people;
      const transaction = await database.connect();
      await transaction.query("BEGIN");
      await choose([undecided], true, transaction);
      // Transactions go on that began later and are over sooner.
      await choose(["somebody"], true);
      const directory = await workspace.folder("exposures");
      const worker = new PreferencesClient(context.config.roles.preferences ?? expect.fail("no role"), {
        deadlineMs: 1_000,
        postgres: context.config.postgres ?? expect.fail("no Postgres"),
        exposures: { directory },
        bulkhead: { deadlineMs: 20_000 },
        changes: { pollDeadlineMs: 5_000 },
        metrics: new Registry(),
      });
      try {
        expect(await worker.ready(patience)).toBe(true);
        await preferences.execute(context, plan, runOf());
        const written = decodePreferences(String(await cache.get(`prefs:${undecided}`)));
        expect(written?.optedOut).toEqual([]);
        const check = (userId: string) =>
          worker.check({ userId, channel: "sms", notificationId: `n-${userId}` });
        await decidedBy("cache", () => check(undecided));
        await transaction.query("COMMIT");
        // The entry says opted in; from the first look at the changes on nobody believes it.
        await decidedBy("postgres", () => check(undecided));
        expect(await check(undecided)).toMatchObject({ optedIn: false });
        expect(await preferences.verify(context, plan)).toMatchObject({ holds: true });
      } finally {
        await transaction.end();
        await worker.close();
      }
    });

    it("leaves no entry that is believed and wrong while people go on changing their minds", async () => {
      const context = contextOf({ warm: 3_000 }, recovery);
      const plan = await preferences.plan(context);
      const connections = await Promise.all([database.connect(), database.connect()]);
      let over = false;
      const changing = connections.map(async (client, index) => {
        // Each of the two has people of its own, so that they never wait for each other.
        for (let n = 0; !over; n += 1) {
          const chosen = people.filter((_, place) => place % 2 === index && place % 211 === (n * 31) % 211);
          await choose(chosen, n % 3 !== 0, client);
        }
      });
      try {
        await preferences.execute(context, plan, runOf());
      } finally {
        over = true;
        await Promise.all(changing);
        await Promise.all(connections.map((client) => client.end()));
      }
      const rows = await readPreferences(sql, "preferences", people);
      const { rows: newest } = await sql.query<{ user_id: string; version: number }>(
        "SELECT user_id, max(version::text::bigint)::float8 AS version FROM preference_changes GROUP BY 1",
      );
      const versions = new Map(newest.map(({ user_id: user, version }) => [user, version]));
      let believed = 0;
      for (const user of people) {
        const entry = decodePreferences(String(await cache.get(`prefs:${user}`)));
        if (entry === undefined || (versions.get(user) ?? 0) >= entry.asOf) continue;
        believed += 1;
        expect(entry.optedOut).toEqual(rows.get(user)?.optedOut);
      }
      expect(believed).toBeGreaterThan(0);
      expect(versions.size).toBeGreaterThan(0);
      expect(await preferences.verify(context, plan)).toMatchObject({ figures: { wrong_entries: 0 } });
    });
  });

  it("needs no more rights than docs/security.md gives it", async () => {
    const page = await readFile(new URL("../../docs/security.md", import.meta.url), "utf8");
    const rules = /^\| recover preferences +\| `([^`]+)`/m.exec(page)?.[1]?.replaceAll("\\", "") ?? "";
    const inCluster =
      /^\| application, Redis Cluster +\| `([^`]+)`/m.exec(page)?.[1]?.replaceAll("\\", "") ?? "";
    const all = cache instanceof Cluster ? [rules, inCluster, "+cluster|info"] : [rules];
    const nodes = cache instanceof Cluster ? cache.nodes("master") : [cache];
    const words = all.join(" ").split(" ");
    for (const node of nodes) await node.call("ACL", "SETUSER", "recovery", "on", ">secret", ...words);
    process.env.RECOVERY_PREFERENCES_TEST = "secret";
    const login = { username: "recovery", password: "${RECOVERY_PREFERENCES_TEST}" };
    const open = role;
    role = { ...role, ...login };
    try {
      await missedChanges();
      for (const options of [{ warm: 100 }, { scan: true, warm: 100 }]) {
        await choose(outs, options.scan !== true);
        const context = contextOf(options);
        const plan = await preferences.plan(context);
        expect(plan.hasChanges).toBe(true);
        await preferences.execute(context, plan, runOf());
        expect(await preferences.verify(context, plan)).toMatchObject({ holds: true });
        await preferences.pins(context);
      }
    } finally {
      role = open;
    }
  });

  it("refuses wrong words, and a configuration without what it needs", async () => {
    for (const options of [{ warm: -1 }, { warm: 1.5 }, { since: 0 }]) {
      await expect(preferences.plan(contextOf(options))).rejects.toMatchObject({ code: "USAGE" });
    }
    const { config, ...context } = contextOf();
    const without = { ...config, roles: {} };
    await expect(preferences.plan({ ...context, config: without })).rejects.toMatchObject({
      code: "CONFIG_INCOMPLETE",
    });
  });

  it("is pinned to the cache's primaries, the database and its transactions", async () => {
    const before = await preferences.pins(contextOf());
    await choose(["somebody"], true);
    const after = await preferences.pins(contextOf());
    expect(before.map(({ label }) => label)).toContain("database of Postgres");
    const transaction = (pins: typeof before) =>
      pins.find(({ label }) => label === "next transaction of Postgres")?.value;
    expect(transaction(after)).toBeGreaterThan(Number(transaction(before)));
  });
});
