import { setTimeout as delay } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lookedAt, lookScript, raiseScript } from "../../core/sequence/counter-scripts.ts";
import { sequenceId, timestampId } from "../../core/sequence/message-id.ts";
import { SequenceClient } from "../../fallbacks/sequence/sequence-client.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import type { OptionsOf } from "../../recovery/options.ts";
import { sequence } from "../../recovery/sequence/sequence.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { Driven, type Saved, testRun } from "./recovery-sequence-platform.ts";

type Options = Partial<OptionsOf<"sequence">>;

let workspace: Workspace;
let database: Database;
let server: RedisServer;
let redis: Redis;
let cluster: Cluster;
let clusterNodes: string[];

beforeAll(async () => {
  workspace = await createWorkspace("recovery-sequence");
  const [started, single, many] = await Promise.all([
    startDatabase(workspace),
    startRedis(workspace, { name: "sequence" }),
    startRedisCluster(workspace, { name: "node", shards: 3 }),
  ]);
  database = started;
  server = single;
  redis = new Redis({ port: server.port, protocol: 2 });
  clusterNodes = [...many.addresses];
  cluster = new Cluster(many.nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  await database.admin.query(`
    CREATE TABLE messages (conversation_id text, message_id text, created_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);
    CREATE TABLE posts (room bigint, place bigint, posted timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON posts (posted);
    CREATE INDEX ON posts (room, posted);`);
});
beforeEach(async () => {
  await database.admin.query("TRUNCATE messages, posts");
  await redis.flushall();
  await Promise.all(cluster.nodes("master").map((node) => node.flushall()));
});
afterAll(async () => {
  redis?.disconnect();
  cluster?.disconnect();
  await workspace?.close();
});

const posts = {
  table: "posts",
  conversation_column: "room",
  id_column: "place",
  created_at_column: "posted",
};

function recovery(
  options: Options = {},
  { messages = {}, role = {} as object, signal = new AbortController().signal } = {},
) {
  return new Driven(
    sequence,
    {
      roles: { sequence: { topology: "standalone", address: `127.0.0.1:${server.port}`, ...role } },
      postgres: database.section({ tables: { messages } }),
    },
    options,
    signal,
  );
}

/** Messages of conversations, by the library's ids unless they are strings, sent now or so many minutes ago. */
async function write(
  sent: Readonly<Record<string, readonly (number | string)[]>>,
  minutesAgo = 0,
): Promise<void> {
  const rows = Object.entries(sent).flatMap(([conversation, ids]) =>
    ids.map((id) => [conversation, typeof id === "number" ? sequenceId(id, 1_700_000_000_000).text : id]),
  );
  await database.admin.query(
    `INSERT INTO messages SELECT conversation, id, now() - $3 * interval '1 minute'
     FROM unnest($1::text[], $2::text[]) AS sent (conversation, id)`,
    [rows.map(([conversation]) => conversation), rows.map(([, id]) => id), minutesAgo],
  );
}

/** Conversations c1 to c<n>, each with messages 1 to 10. */
async function many(conversations: number): Promise<void> {
  await database.admin.query(
    `INSERT INTO messages SELECT 'c' || c, '1700000000000-s' || lpad(m::text, 16, '0'), now()
     FROM generate_series(1, $1::int) AS c, unnest(ARRAY[1, 10]) AS m`,
    [conversations],
  );
}

describe("the scripts", () => {
  const counts = ["0", "1", "9", "10", "9007199254740992", "9007199254740993", "9223372036854775806"];

  it("compare in whole numbers of 64 bits, and never lower", async () => {
    for (const live of counts) {
      for (const floor of counts.slice(1)) {
        await redis.set("n", live);
        const look = lookedAt(await lookScript.run(redis, ["n"], [floor, floor]));
        const raised = await raiseScript.run(redis, ["n"], [floor]);
        const isBelow = BigInt(live) < BigInt(floor);
        expect([live, floor, raised]).toEqual([live, floor, [isBelow ? 1 : 0, 0]]);
        expect(look).toMatchObject({ behind: isBelow ? 1 : 0, missing: 0, short: 0 });
        expect(await redis.get("n")).toBe(isBelow ? floor : live);
      }
    }
  });

  it("raise what is missing or negative, and take the time to live away", async () => {
    await redis.set("negative", "-7");
    await redis.set("expiring", "5", "EX", 100);
    for (const key of ["negative", "expiring", "missing"]) {
      expect(await raiseScript.run(redis, [key], ["6"])).toEqual([1, 0]);
      expect(await redis.get(key)).toBe("6");
      expect(await redis.ttl(key)).toBe(-1);
    }
    expect(lookedAt(await lookScript.run(redis, ["gone"], ["6", "9"]))).toEqual({
      behind: 1,
      missing: 1,
      short: 0,
      foreign: 0,
      furthest: 6,
    });
  });

  it("leave alone what is no counter", async () => {
    const foreign = ["007", "1.5", "", " 1", "1\n", "99999999999999999999", "text"];
    for (const value of foreign) {
      await redis.set("key", value);
      expect([value, await raiseScript.run(redis, ["key"], ["6"])]).toEqual([value, [0, 1]]);
      expect(await redis.get("key")).toBe(value);
    }
    await redis.del("key");
    await redis.rpush("key", "1");
    expect(await raiseScript.run(redis, ["key"], ["6"])).toEqual([0, 1]);
    expect(lookedAt(await lookScript.run(redis, ["key"], ["6", "9"]))).toMatchObject({
      foreign: 1,
      behind: 0,
    });
  });
});

describe("recover sequence", () => {
  it("plans without changing anything, raises once, and has nothing to do afterwards", async () => {
    await write({ a: [3, 900, 17], b: [5], healthy: [40] });
    await redis.mset({ "seq:a": "870", "seq:healthy": "40" });
    const plan = await recovery().plan();
    expect(plan).toMatchObject({ hasChanges: true, items: 3, details: { margin: 100, since: null } });
    expect(plan.severe).toBeUndefined();
    expect(plan.facts.map(({ value }) => value).join("\n")).toMatch(
      /2 of 3 compared are below a durable id \(1 gone\), the furthest by 30; 1 more are less than the margin/,
    );
    expect(plan.risks.join("\n")).toMatch(/keep the applications away.+ACL SETUSER/);
    expect(await redis.mget("seq:a", "seq:b", "seq:healthy")).toEqual(["870", null, "40"]);

    expect(await recovery().recover()).toMatchObject({
      holds: true,
      figures: { conversations_compared: 3, conversations_behind: 0, sampled_behind: 0 },
    });
    expect(await redis.mget("seq:a", "seq:b", "seq:healthy")).toEqual(["1000", "105", "140"]);
    expect((await recovery().plan()).hasChanges).toBe(false);
    expect((await recovery({ all: true }).plan()).hasChanges).toBe(false);
    // Messages go on: a healthy counter is given no margin again.
    await write({ a: [1001], b: [106] });
    await redis.mset({ "seq:a": "1001", "seq:b": "106" });
    expect((await recovery().plan()).hasChanges).toBe(false);
  });

  it("raises where nothing durable shows a loss only when told to, by the margin that it is told", async () => {
    await write({ a: [7], far: [5] });
    await redis.mset({ "seq:a": "7", "seq:far": "1000" });
    const plan = await recovery().plan();
    expect(plan.hasChanges).toBe(false);
    expect(plan.facts.at(-1)?.value).toMatch(/--all$/);
    expect((await recovery({ all: true, margin: 3 }).recover()).holds).toBe(true);
    expect(await redis.mget("seq:a", "seq:far")).toEqual(["10", "1000"]);
  });

  it("takes the conversations with messages in --since, and all of their messages", async () => {
    await write({ old: [50], both: [900] }, 120);
    await write({ both: [4] }, 1);
    expect((await recovery({ since: 3_600_000 }).recover()).holds).toBe(true);
    expect(await redis.mget("seq:old", "seq:both")).toEqual([null, "1000"]);
  });

  it("takes dirty ids and conversations as they are", async () => {
    const strange = Array.from({ length: 255 }, (_, code) => String.fromCodePoint(code + 1)).join("");
    await write({
      [strange]: [8],
      "": [2],
      "{x}y": [3],
      'it\'s \\ "quoted"': [4],
      mixed: ["12", 9, "-5", "1.5", "abc", "", "9".repeat(19), timestampId(1_700_000_000_000, 5).text],
      framed: [6, "1700000000000-s00000000000000zz", "1700000000000-s9999999999999999"],
      big: ["9007199254740993"],
      clock: [timestampId(1_700_000_000_000, 5).text],
      zero: ["0"],
    });
    await database.admin.query("INSERT INTO messages VALUES (NULL, '99'), ('none', NULL)");
    await redis.rpush("seq:foreign", "1");
    await write({ foreign: [1] });
    const driven = recovery({ margin: 1 });
    expect((await driven.plan()).severe).toMatch(/never lowered/);
    const verification = await driven.recover();
    expect(verification).toMatchObject({ holds: true, figures: { foreign_keys: 1 } });
    expect(driven.warnings).toEqual([expect.stringMatching(/^1 keys hold no counter/)]);
    const expected = {
      [`seq:${strange}`]: "9",
      "seq:": "3",
      "seq:{x}y": "4",
      'seq:it\'s \\ "quoted"': "5",
      "seq:mixed": "13",
      "seq:framed": "7",
      "seq:big": "9007199254740994",
    };
    expect((await redis.keys("*")).sort()).toEqual([...Object.keys(expected), "seq:foreign"].sort());
    for (const [key, value] of Object.entries(expected))
      expect([key, await redis.get(key)]).toEqual([key, value]);
  });

  it("reads integer columns up to 64 bits", async () => {
    const highest = "9223372036854775807";
    await database.admin.query(
      `INSERT INTO posts VALUES (1, 5), (1, -9), (2, 9007199254740993), (3, ${highest}), (3, 4), (4, 0), (NULL, 7)`,
    );
    expect((await recovery({ margin: 10 }, { messages: posts }).recover()).holds).toBe(true);
    expect(await redis.mget("seq:1", "seq:2", "seq:3", "seq:4")).toEqual([
      "15",
      "9007199254741003",
      "14",
      null,
    ]);
  });

  it("has nothing to do without messages, and says what is wrong with its options", async () => {
    expect((await recovery().plan()).hasChanges).toBe(false);
    expect((await recovery({ all: true }).plan()).hasChanges).toBe(false);
    for (const options of [{ margin: -1 }, { margin: 1.5 }, { margin: 1e12 }, { since: 0 }]) {
      await expect(recovery(options).plan()).rejects.toMatchObject({ code: "USAGE" });
    }
  });

  it("does not verify what somebody set back meanwhile", async () => {
    await write({ a: [5], b: [5] });
    const driven = recovery();
    const plan = await driven.plan();
    await sequence.execute(driven.context, plan, testRun());
    await redis.set("seq:a", "4");
    expect(await sequence.verify(driven.context, plan)).toMatchObject({
      holds: false,
      figures: { conversations_behind: 1 },
    });
  });

  it("goes on where it was killed, and does what was done already only once", async () => {
    await many(20_000);
    const saved: Saved = new Map();
    const driven = recovery();
    const plan = await driven.plan();
    let raised = 0;
    const killed = testRun({
      saved,
      pace: async (items) => {
        // Long enough for positions to be written down.
        if (items > 0 && raised > 0) await delay(400);
        raised += items;
        if (saved.size > 0) throw new Error("killed");
      },
    });
    await expect(sequence.execute(driven.context, plan, killed)).rejects.toThrow("killed");
    const position = saved.get("chunk postgres") as { position: { done: number } };
    const { done } = position.position;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(20_000);
    expect(await redis.dbsize()).toBeGreaterThanOrEqual(done);
    // What was acknowledged is not looked at again: this one would be raised if it were.
    const [first = ""] = (
      await database.admin.query<{ first: string }>(
        `SELECT min(conversation_id COLLATE "C") AS first FROM messages`,
      )
    ).rows.map((row) => row.first);
    await redis.set(`seq:${first}`, "3");

    const later = recovery();
    await sequence.execute(later.context, plan, testRun({ saved }));
    expect(later.progress[0]?.done).toBeGreaterThan(done);
    expect(await redis.dbsize()).toBe(20_000);
    expect(await redis.get(`seq:${first}`)).toBe("3");
    await redis.set(`seq:${first}`, "10");
    expect(await sequence.verify(later.context, plan)).toMatchObject({ holds: true });
  });

  it.each(["standalone", "cluster"] as const)("never sets a live counter back on %s", async (topology) => {
    const conversations = 3_000;
    await many(conversations);
    const client = topology === "standalone" ? redis : cluster;
    const role = topology === "standalone" ? {} : { topology, nodes: clusterNodes, address: undefined };
    const keys = Array.from({ length: 40 }, (_, n) => `seq:c${n * 70 + 1}`);
    // Half of the busy ones are far above, the others were lost.
    for (const key of keys.slice(0, 20)) await client.set(key, 5_000);
    const given = new Map<string, number[]>(keys.map((key) => [key, []]));
    let running = true;
    const counting = Promise.all(
      keys.map(async (key) => {
        while (running) given.get(key)?.push(await client.incr(key));
      }),
    );
    try {
      expect((await recovery({}, { role }).recover()).holds).toBe(true);
    } finally {
      running = false;
      await counting;
    }
    for (const key of keys) {
      const replies = given.get(key) ?? [];
      expect(replies.length).toBeGreaterThan(0);
      // Nothing lowered, nothing lost: each one is above the one before it, and the counter is the last one.
      expect(replies.every((reply, n) => n === 0 || reply > (replies[n - 1] ?? 0))).toBe(true);
      expect(Number(await client.get(key))).toBe(replies.at(-1));
    }
    for (const key of keys.slice(20)) expect(Number(await client.get(key))).toBeGreaterThan(110);
    for (const key of keys.slice(0, 20)) {
      expect(given.get(key)?.[0]).toBe(5_001);
      expect(given.get(key)?.at(-1)).toBe(5_000 + (given.get(key)?.length ?? 0));
    }
    expect(await client.get("seq:c2")).toBe("110");
  });

  it("can rely on what its plan advises: applications without rights give timestamps, and come back", async () => {
    await redis.call("ACL", "SETUSER", "app", "reset", "on", ">test", "~*", "+@all");
    process.env.RECOVERY_SEQUENCE_APP = "test";
    const { config } = new Driven(sequence, {
      roles: {
        sequence: {
          topology: "standalone",
          address: `127.0.0.1:${server.port}`,
          username: "app",
          password: "${RECOVERY_SEQUENCE_APP}",
        },
      },
    }).context;
    const { sequence: role } = config.roles;
    if (role === undefined) throw new Error("no role");
    const client = new SequenceClient(role, { metrics: new Registry() });
    const untilKind = (kind: string) =>
      waitUntil(async () => (await client.next("held")).kind === kind, {
        what: `ids of the kind ${kind}`,
        deadlineMs: patience,
      });
    try {
      await client.ready(patience);
      await untilKind("sequence");
      await redis.call("ACL", "SETUSER", "app", "-@all");
      await untilKind("timestamp");
      const held = await redis.get("seq:held");
      await write({ held: [500] });
      expect((await recovery().recover()).holds).toBe(true);
      expect(Number(held)).toBeLessThan(500);
      expect(await redis.get("seq:held")).toBe("600");
      await redis.call("ACL", "SETUSER", "app", "+@all");
      await untilKind("sequence");
      expect(Number(await redis.get("seq:held"))).toBeGreaterThan(600);
    } finally {
      client.close();
    }
  });

  it("stops when it is told to, and when Redis is away", async () => {
    await many(3_000);
    const stop = new AbortController();
    const driven = recovery({}, { signal: stop.signal });
    const plan = await driven.plan();
    const reason = new Error("stopped");
    const run = testRun({
      pace: async () => {
        stop.abort(reason);
        stop.signal.throwIfAborted();
      },
    });
    await expect(sequence.execute(driven.context, plan, run)).rejects.toBe(reason);
    expect(await redis.dbsize()).toBe(0);
    const role = { address: `127.0.0.1:${await workspace.port()}` };
    await expect(recovery({}, { role }).plan()).rejects.toMatchObject({ code: "REDIS_REFUSED" });
  });
});
