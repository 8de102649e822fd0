import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../core/config/secret.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import {
  decidedBy,
  oneSecondAfter,
  type PreferencesPlatform,
  startPreferencesPlatform,
  type Worker,
} from "./fallbacks/preferences-platform.ts";

let platform: PreferencesPlatform;
let cache: RedisServer;
let admin: Redis;
let worker: Worker;
let user: string;
let users = 0;

const connection = () => ({ topology: "standalone" as const, address: `127.0.0.1:${cache.port}` });
const entry = (userId: string) => admin.get(`prefs:${userId}`);

beforeAll(async () => {
  platform = await startPreferencesPlatform("preferences");
  cache = await startRedis(platform.workspace, { name: "cache" });
  admin = new Redis({ port: cache.port, protocol: 2, enableOfflineQueue: true, maxRetriesPerRequest: null });
  admin.on("error", () => undefined);
  worker = await platform.worker(connection());
  expect(await worker.client.ready(patience)).toBe(true);
}, 2 * patience);

afterAll(async () => {
  admin?.disconnect();
  await platform?.close();
});

beforeEach(() => {
  user = `u${++users}`;
});

/** The user is opted in, and the cache says so. */
async function cachedAsOptedIn(): Promise<string> {
  await decidedBy("cache", () => worker.sms(user));
  expect(await worker.sms(user)).toEqual({ optedIn: true, source: "cache", degraded: false });
  return (await entry(user)) ?? "";
}

/** Notifications that a worker recorded as sent on assumption. */
async function exposures({ metrics }: Worker): Promise<number> {
  const text = await metrics.metrics();
  return Number(/^redisops_preference_exposures_total\{.*\} (\d+)$/m.exec(text)?.[1]);
}

/** A second after an opt-out that was committed at that moment, it counts for every worker. */
async function expectHonoured(committedAt: number, workers = [worker]): Promise<void> {
  await oneSecondAfter(committedAt);
  for (const { sms } of workers) expect(await sms(user)).toMatchObject({ optedIn: false });
}

describe("a preference", { timeout: patience }, () => {
  test("is read from Postgres once and from the cache then, also that there is none", async () => {
    await platform.choose(`${user}-out`, true);
    for (const [userId, optedIn] of [
      [user, true],
      [`${user}-out`, false],
    ] as const) {
      expect(await worker.sms(userId)).toEqual({ optedIn, source: "postgres", degraded: false });
      await waitUntil(() => entry(userId), { what: "the entry", deadlineMs: patience });
      expect(await worker.sms(userId)).toEqual({ optedIn, source: "cache", degraded: false });
    }
    expect(
      await worker.client.check({ userId: `${user}-out`, channel: "push", notificationId: "n" }),
    ).toEqual({
      optedIn: true,
      source: "cache",
      degraded: false,
    });
    const life = await admin.pttl(`prefs:${user}`);
    expect(life).toBeGreaterThan(3_600_000 * 0.85);
    expect(life).toBeLessThanOrEqual(3_600_000 * 1.1);
  });

  test.each(["x", "{}", '["a",1]', "[1,2,3]"])("whose entry is %s is read anew", async (foreign) => {
    await admin.set(`prefs:${user}`, foreign);
    expect((await worker.sms(user)).source).toBe("postgres");
    await decidedBy("cache", () => worker.sms(user));
  });

  test("is read by one statement for all who ask at the same time", async () => {
    // Room for one statement and none that waits: a second one would have no answer.
    const narrow = await platform.worker(connection(), { bulkhead: { maxConcurrent: 1, maxQueued: 0 } });
    expect(await narrow.client.ready(patience)).toBe(true);
    const blocker = await platform.connect();
    await blocker.query("BEGIN; LOCK TABLE preferences IN ACCESS EXCLUSIVE MODE");
    const decisions = Promise.all(Array.from({ length: 100 }, () => narrow.sms(user)));
    await waitUntil(
      async () => (await blocker.query("SELECT 1 FROM pg_locks WHERE NOT granted")).rowCount === 1,
      { what: "the read to wait for the lock", deadlineMs: patience },
    );
    await blocker.query("COMMIT");
    await blocker.end();
    expect((await decisions).map(({ source }) => source)).toEqual(Array(100).fill("postgres"));
  });
});

describe("an opt-out counts a second after its commit", { timeout: patience }, () => {
  test("when another process makes it", async () => {
    const other = await platform.worker(connection());
    await cachedAsOptedIn();
    await other.client.set({ userId: user, channel: "sms", optedOut: true });
    await expectHonoured(performance.now(), [worker, other]);
    expect(await other.client.ready(patience)).toBe(true);
    await decidedBy("cache", () => worker.sms(user));
    expect((await worker.sms(user)).optedIn).toBe(false);
  });

  test("at once in the process that makes it", async () => {
    await cachedAsOptedIn();
    await worker.client.set({ userId: user, channel: "sms", optedOut: true });
    expect((await worker.sms(user)).optedIn).toBe(false);
    await worker.client.set({ userId: user, channel: "sms", optedOut: false });
    expect((await worker.sms(user)).optedIn).toBe(true);
  });

  test("at once in the process that makes it, also when the cache refuses to drop its entry", async () => {
    const old = await cachedAsOptedIn();
    await admin.replicaof("127.0.0.1", await platform.workspace.port());
    try {
      await worker.client.set({ userId: user, channel: "sms", optedOut: true });
      expect(await worker.sms(user)).toEqual({ optedIn: false, source: "postgres", degraded: false });
      expect(await entry(user)).toBe(old);
    } finally {
      await admin.replicaof("NO", "ONE");
    }
  });

  test("when a program in another language makes it, and the cache still holds the old entry", async () => {
    const old = await cachedAsOptedIn();
    await platform.choose(user, true);
    const committedAt = performance.now();
    await oneSecondAfter(committedAt);
    expect(await entry(user)).toBe(old);
    await expectHonoured(committedAt);
    // Believed again as soon as it was read anew.
    await decidedBy("cache", () => worker.sms(user));
    expect((await worker.sms(user)).optedIn).toBe(false);
  });

  test.each([
    ["changes the row of an opt-in", "UPDATE preferences SET opted_out = true WHERE user_id = $1"],
    [
      "does two things to rows at once",
      "WITH gone AS (DELETE FROM preferences WHERE user_id = $1 || 'x') INSERT INTO preferences VALUES ($1, 'sms', true) ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = true",
    ],
    [
      "gives the user another user’s row",
      "UPDATE preferences SET user_id = $1, opted_out = true WHERE user_id = $1 || '-other'",
    ],
  ])("when a statement %s", async (_, statement) => {
    if (!statement.includes("-other")) await platform.choose(user, false);
    else await platform.choose(`${user}-other`, false);
    await cachedAsOptedIn();
    await platform.sql.query(statement, [user]);
    await expectHonoured(performance.now());
  });

  test("also for an opt-in by deleting the row, or all rows", async () => {
    for (const statement of [
      "DELETE FROM preferences WHERE user_id = $1 OR $1 = ''",
      "TRUNCATE preferences",
    ]) {
      await platform.choose(user, true);
      await oneSecondAfter(performance.now());
      await decidedBy("cache", () => worker.sms(user));
      expect((await worker.sms(user)).optedIn).toBe(false);
      await (statement.includes("$1")
        ? platform.sql.query(statement, [user])
        : platform.sql.query(statement));
      await oneSecondAfter(performance.now());
      expect((await worker.sms(user)).optedIn).toBe(true);
    }
  });

  test.each([
    ["was read before it", async () => undefined],
    ["is read while it is under way", async () => void (await admin.del(`prefs:${user}`))],
    [
      "is read anew for another change",
      async () =>
        void (await platform.sql.query(
          "INSERT INTO preferences (user_id, channel, opted_out) VALUES ($1, 'push', true)",
          [user],
        )),
    ],
  ])(
    "when its transaction commits after younger ones were heard of, and the entry %s",
    async (_, meanwhile) => {
      await cachedAsOptedIn();
      const slow = await platform.connect();
      await slow.query("BEGIN");
      await slow.query("INSERT INTO preferences (user_id, channel, opted_out) VALUES ($1, 'sms', true)", [
        user,
      ]);
      await meanwhile();
      for (let n = 0; n < 5; n += 1) await platform.choose(`${user}-${n}`, true);
      // Several looks at the changes, none of which can see this one.
      await oneSecondAfter(performance.now());
      expect((await worker.sms(user)).optedIn).toBe(true);
      await waitUntil(() => entry(user), { what: "the entry", deadlineMs: patience });
      await slow.query("COMMIT");
      const committedAt = performance.now();
      await slow.end();
      await expectHonoured(committedAt);
    },
  );

  test("when more people changed theirs than a worker remembers", async () => {
    const forgetful = await platform.worker(connection(), { changes: { maxChangedUsers: 10 } });
    expect(await forgetful.client.ready(patience)).toBe(true);
    const crowd = Array.from({ length: 50 }, (_, n) => `${user}-${n}`);
    for (const each of crowd) await worker.sms(each);
    await platform.sql.query("INSERT INTO preferences SELECT unnest($1::text[]), 'sms', true", [crowd]);
    await oneSecondAfter(performance.now());
    for (const each of crowd) expect((await forgetful.sms(each)).optedIn).toBe(false);
    // What was read since is believed.
    await decidedBy("cache", () => forgetful.sms(`${user}-0`));
  });
});

describe("an opt-out counts a second after its commit, whatever became of the cache", {
  timeout: patience,
}, () => {
  test("while it is down, and when it comes back with its old entry", async () => {
    const old = await cachedAsOptedIn();
    await admin.save();
    await cache.kill();
    await platform.choose(user, true);
    const committedAt = performance.now();
    await expectHonoured(committedAt);
    expect((await worker.sms(user)).degraded).toBe(true);
    await cache.restart({ empty: false });
    expect(await entry(user)).toBe(old);
    const other = await platform.worker(connection());
    expect(await other.client.ready(patience)).toBe(true);
    await expectHonoured(committedAt, [worker, other]);
    for (const { sms } of [worker, other]) {
      await decidedBy("cache", () => sms(user));
      expect((await sms(user)).optedIn).toBe(false);
    }
  });

  test("when it took the change and then came back with a state from before", async () => {
    const old = await cachedAsOptedIn();
    await admin.save();
    await worker.client.set({ userId: user, channel: "sms", optedOut: true });
    const committedAt = performance.now();
    await decidedBy("cache", () => worker.sms(user));
    expect((await worker.sms(user)).optedIn).toBe(false);
    await cache.kill();
    await cache.restart({ empty: false });
    expect(await entry(user)).toBe(old);
    await expectHonoured(committedAt);
    expect((await worker.sms(user)).optedIn).toBe(false);
  });

  test("while it hangs, and when it goes on with its old entry", async () => {
    const old = await cachedAsOptedIn();
    cache.pause();
    await frozen([cache.pid]);
    try {
      await platform.choose(user, true);
      await expectHonoured(performance.now());
    } finally {
      cache.resume();
    }
    expect(await entry(user)).toBe(old);
    await decidedBy("cache", () => worker.sms(user));
    expect((await worker.sms(user)).optedIn).toBe(false);
  });

  test("when a reader puts the row from before into the cache after it", async () => {
    const blocker = await platform.connect();
    await blocker.query("BEGIN; LOCK TABLE preferences IN ACCESS EXCLUSIVE MODE");
    const decision = worker.sms(user);
    await waitUntil(
      async () => (await blocker.query("SELECT 1 FROM pg_locks WHERE NOT granted")).rowCount === 1,
      {
        what: "the read to wait for the lock",
        deadlineMs: patience,
      },
    );
    // The cache has answered that it has nothing; from here on it only takes in what is sent to it.
    cache.pause();
    await frozen([cache.pid]);
    await blocker.query("COMMIT");
    await blocker.end();
    expect(await decision).toEqual({ optedIn: true, source: "postgres", degraded: false });
    await platform.choose(user, true);
    const committedAt = performance.now();
    cache.resume();
    await waitUntil(() => entry(user), { what: "the late write", deadlineMs: patience });
    await expectHonoured(committedAt);
  });

  test("when its last state is older than an entry can live", async () => {
    const [asOf = 0, readAt = 0] = JSON.parse(await cachedAsOptedIn()) as number[];
    await admin.set(`prefs:${user}`, JSON.stringify([asOf, readAt - 2 * 3_600]));
    expect((await worker.sms(user)).source).toBe("postgres");
  });
});

describe("a worker whose Postgres answers with errors", { timeout: patience }, () => {
  test("decides all the same, and counts them", async () => {
    const elsewhere = { table: "elsewhere.choices", changes_table: "elsewhere.changes" };
    const astray = await platform.worker(connection(), {
      postgres: { ...platform.database(), tables: { preferences: elsewhere } },
    });
    expect(await astray.client.ready(1_000)).toBe(false);
    expect(await astray.sms(user)).toEqual({ optedIn: true, source: "default", degraded: true });
    await cachedAsOptedIn();
    expect(await astray.sms(user)).toEqual({ optedIn: true, source: "unverified", degraded: true });
    expect(await astray.metrics.metrics()).toMatch(
      /redisops_store_failures_total\{error_class="other",role="postgres"\} [1-9]/,
    );
    const other = await platform.worker(connection());
    expect(await other.sms("zero\0byte")).toEqual({ optedIn: true, source: "default", degraded: true });
  });
});

describe("a client that cannot be made", { timeout: patience }, () => {
  test("leaves no connection behind", async () => {
    const address = `127.0.0.1:${cache.port}`;
    const broken = { ...platform.database(), password: new Secret("${REDISOPS_TEST_NOT_SET}") };
    const clients = async () => Number(/connected_clients:(\d+)/.exec(await admin.info("clients"))?.[1]);
    const before = await clients();
    for (let n = 0; n < 5; n += 1)
      await expect(
        platform.worker({ topology: "standalone", address }, { postgres: broken }),
      ).rejects.toMatchObject({ code: "SECRET_UNRESOLVED" });
    // A client made later is connected, so these would be by now.
    const later = await platform.worker(connection());
    expect(await later.client.ready(patience)).toBe(true);
    expect(await clients()).toBe(before + 1);
  });
});

describe("a worker that lost Postgres", { timeout: patience }, () => {
  test("goes on with what the cache says, says so, and believes it again only when it has heard of the changes", async () => {
    await platform.choose(`${user}-out`, true);
    await oneSecondAfter(performance.now());
    await cachedAsOptedIn();
    await decidedBy("cache", () => worker.sms(`${user}-out`));
    await platform.bouncer.kill();
    await decidedBy("unverified", () => worker.sms(user));
    const recorded = await exposures(worker);
    expect(await worker.sms(user)).toEqual({ optedIn: true, source: "unverified", degraded: true });
    expect(await exposures(worker)).toBe(recorded + 1);
    expect(await worker.sms(`${user}-out`)).toEqual({ optedIn: false, source: "unverified", degraded: true });
    expect(await exposures(worker)).toBe(recorded + 1);
    await platform.choose(user, true);
    await platform.bouncer.restart();
    await waitUntil(async () => (await worker.sms(user)).source !== "unverified", {
      what: "Postgres to answer the worker",
      deadlineMs: patience,
    });
    expect((await worker.sms(user)).optedIn).toBe(false);
    const text = await worker.metrics.metrics();
    expect(text).toMatch(
      /redisops_decisions_degraded_total\{fallback="unverified",role="preferences"\} [1-9]/,
    );
  });

  test("goes by no entry that is known to be outdated", async () => {
    for (const optedOut of [true, false]) {
      const userId = `${user}-${optedOut}`;
      await platform.choose(userId, !optedOut);
      await oneSecondAfter(performance.now());
      await decidedBy("cache", () => worker.sms(userId));
      await admin.replicaof("127.0.0.1", await platform.workspace.port());
      try {
        await worker.client.set({ userId, channel: "sms", optedOut });
        await platform.bouncer.kill();
        const recorded = await exposures(worker);
        expect(await worker.sms(userId)).toEqual({ optedIn: true, source: "default", degraded: true });
        expect(await exposures(worker)).toBe(recorded + 1);
      } finally {
        await admin.replicaof("NO", "ONE");
        await platform.bouncer.restart();
      }
      expect(await worker.client.ready(patience)).toBe(true);
    }
  });

  test("does not say that a choice is committed", async () => {
    await platform.bouncer.kill();
    await expect(worker.client.set({ userId: user, channel: "sms", optedOut: true })).rejects.toMatchObject({
      name: "RedisopsError",
      code: expect.stringMatching(/^POSTGRES_/),
    });
    await platform.bouncer.restart();
    expect(await worker.client.ready(patience)).toBe(true);
  });
});
