import pg from "pg";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { drainPending } from "../../core/pending-deliveries/drain.ts";
import { defaultPendingDeliveries } from "../../core/pending-deliveries/table.ts";
import { DeliveryWorker, type DeliveryWorkerOptions } from "../../fallbacks/registry/delivery-worker.ts";
import { MessageRouter } from "../../fallbacks/registry/message-router.ts";
import type { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import {
  type Answer,
  ConnectionServer,
  connectionOf,
  messageTo,
  pageOf,
  type RegistryPlatform,
  startRegistryPlatform,
} from "./fallbacks-registry-platform.ts";

let workspace: Workspace;
let platform: RegistryPlatform;
let registry: RegistryClient;
let server: ConnectionServer;
let workers: DeliveryWorker[];

beforeAll(async () => {
  workspace = await createWorkspace("fallbacks-registry-drain");
  platform = await startRegistryPlatform(workspace);
});

beforeEach(async () => {
  await withRedis(platform.redis.port, (client) => client.flushall());
  await platform.admin.query("TRUNCATE pending_deliveries");
  registry = await platform.registry();
  server = new ConnectionServer();
  workers = [];
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
});

afterAll(async () => {
  await workspace.close();
});

function startWorker(options: DeliveryWorkerOptions = {}): DeliveryWorker {
  const worker = platform.worker(registry, server.deliver, options);
  workers.push(worker);
  worker.start();
  return worker;
}

/** Messages `<user>-0`, `<user>-1` ... for each user, the users' mixed. */
async function wait(users: readonly string[], each: number): Promise<void> {
  await platform.admin.query(
    `INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body)
     SELECT name || '-' || n, name, 'c', 'b' FROM generate_series(0, $2::int - 1) AS n, unnest($1::text[]) AS name
     ORDER BY n`,
    [users, each],
  );
}

const numbered = (user: string, count: number) => Array.from({ length: count }, (_, n) => `${user}-${n}`);
const drained = (userId?: string) =>
  waitUntil(async () => (await platform.pending(userId)).length === 0, {
    what: "pending_deliveries to be empty",
    deadlineMs: patience,
  });
const names = (count: number) => Array.from({ length: count }, (_, n) => `user-${n}`);

describe("delivery workers", { timeout: patience }, () => {
  it("deliver what waits for the connected, in order, and leave the others' alone", async () => {
    const metrics = new Registry();
    await wait(["ann", "bob", "offline"], 250);
    await registry.register(connectionOf("ann"));
    await registry.register(connectionOf("bob"));
    startWorker({ metrics });
    await drained("ann");
    await drained("bob");
    expect(server.received).toEqual(
      new Map([
        ["ann", numbered("ann", 250)],
        ["bob", numbered("bob", 250)],
      ]),
    );
    expect(server.duplicates).toBe(0);
    expect(await platform.pending()).toEqual(numbered("offline", 250));
    const page = await pageOf(metrics);
    expect(page.value("redisops_pending_delivered_total", { role: "registry" })).toBe(500);

    await registry.register(connectionOf("offline"));
    await drained();
    expect(server.received.get("offline")).toEqual(numbered("offline", 250));
  });

  it("share the users between them: no message twice, each user's in order", async () => {
    const users = names(600);
    await wait(users, 5);
    await registry.heartbeatAll(users.map((user) => connectionOf(user)));
    for (let count = 0; count < 3; count++) startWorker({ batchSize: 2 });
    await drained();
    expect(server.duplicates).toBe(0);
    for (const user of users) expect(server.received.get(user)).toEqual(numbered(user, 5));
  });

  it.each<Answer>(["refuse", "reject", "hang"])(
    "go on with everybody else while one user's server does not take messages: %s",
    async (answer) => {
      const metrics = new Registry();
      const users = names(40);
      await wait(users, 3);
      await registry.heartbeatAll(users.map((user) => connectionOf(user)));
      server.answer = ({ messageId }) => (messageId === "user-0-1" ? answer : "acknowledge");
      startWorker({ concurrency: 2, deliverDeadlineMs: 200, metrics });
      await waitUntil(async () => (await platform.pending()).every((id) => id.startsWith("user-0-")), {
        what: "the others' messages to be delivered",
        deadlineMs: patience,
      });
      await waitUntil(async () => (await platform.pending()).length === 2, {
        what: "the first message to be delivered",
        deadlineMs: patience,
      });
      expect(server.received.get("user-0")).toEqual(["user-0-0"]);
      await waitUntil(
        async () => {
          const { rows } = await platform.admin.query(
            "SELECT attempts FROM pending_deliveries ORDER BY position",
          );
          return rows[0]?.attempts > 1 && rows[1]?.attempts === 0;
        },
        { what: "the attempts to be counted", deadlineMs: patience },
      );
      const page = await pageOf(metrics);
      expect(page.value("redisops_pending_delivery_failures_total", { role: "registry" })).toBeGreaterThan(0);
      server.answer = () => "acknowledge";
      await drained();
      expect(server.received.get("user-0")).toEqual(numbered("user-0", 3));
    },
  );

  it("deliver again what was acknowledged and not removed when a worker lost its connection", async () => {
    await wait(["ann"], 3);
    await registry.register(connectionOf("ann"));
    let cut = false;
    server.answer = async ({ messageId }): Promise<Answer> => {
      if (messageId === "ann-1" && !cut) {
        cut = true;
        const own = "FROM pg_stat_activity WHERE application_name = 'redisops-delivery-worker'";
        await platform.admin.query(`SELECT pg_terminate_backend(pid) ${own}`);
        await waitUntil(async () => (await platform.admin.query(`SELECT 1 ${own}`)).rowCount === 0, {
          what: "the worker's connections to be gone",
          deadlineMs: patience,
        });
      }
      return "acknowledge";
    };
    startWorker();
    await drained();
    expect(server.received.get("ann")).toEqual(numbered("ann", 3));
    expect(server.times({ userId: "ann", messageId: "ann-0" })).toBe(2);
  });

  it("hand over seldom what they cannot remove, and go on by themselves once they can", async () => {
    const users = names(40);
    await wait(users, 3);
    await registry.heartbeatAll(users.map((user) => connectionOf(user)));
    await platform.admin.query(
      `DROP ROLE IF EXISTS reader;
       CREATE ROLE reader LOGIN PASSWORD '${platform.postgres.password}';
       GRANT SELECT, UPDATE ON pending_deliveries TO reader`,
    );
    const metrics = new Registry();
    const refusals = async () =>
      (await pageOf(metrics)).value("redisops_store_failures_total", {
        role: "postgres",
        error_class: "auth",
      }) ?? 0;
    const worker = new DeliveryWorker(registry, { ...platform.location, user: "reader" }, server.deliver, {
      idleMs: 50,
      metrics,
    });
    workers.push(worker);
    const begun = performance.now();
    worker.start();
    try {
      await waitUntil(async () => (await refusals()) >= 3, {
        what: "several passes to fail",
        deadlineMs: patience,
      });
      // At least 2 s, then 4 s and so on lie between the hand-overs of a message, and half of that between the passes.
      const passes = await refusals();
      const times = users.map((userId) => server.times({ userId, messageId: `${userId}-0` }));
      const seconds = (performance.now() - begun) / 1_000;
      expect(2 ** Math.max(...times) - 2).toBeLessThanOrEqual(seconds);
      expect(2 ** (passes - 1) - 1).toBeLessThanOrEqual(seconds);
      expect(await platform.pending()).toHaveLength(120);
      const page = await pageOf(metrics);
      expect(page.value("redisops_pending_delivered_total", { role: "registry" }) ?? 0).toBe(0);
      await platform.admin.query("GRANT DELETE ON pending_deliveries TO reader");
      await drained();
      for (const user of users) expect(server.received.get(user)).toEqual(numbered(user, 3));
    } finally {
      await worker.stop();
      await platform.admin.query("DROP OWNED BY reader; DROP ROLE reader");
    }
  });

  it("go on with everybody else while one user's messages cannot be removed", async () => {
    const users = names(3);
    await wait(users, 2);
    await registry.heartbeatAll(users.map((user) => connectionOf(user)));
    await platform.admin.query(
      `CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'forbidden'; END $$;
       CREATE TRIGGER forbid BEFORE DELETE ON pending_deliveries
       FOR EACH ROW WHEN (OLD.user_id = 'user-0') EXECUTE FUNCTION forbid()`,
    );
    try {
      startWorker({ concurrency: 1 });
      await waitUntil(async () => (await platform.pending()).length === 2, {
        what: "the others' messages to be removed",
        deadlineMs: patience,
      });
      expect(await platform.pending("user-0")).toEqual(numbered("user-0", 2));
      for (const user of users) expect(server.received.get(user)).toEqual(numbered(user, 2));
    } finally {
      await platform.admin.query("DROP FUNCTION forbid CASCADE");
    }
    await drained();
  });

  it("deliver one message to each of its recipients, and count its attempts for each", async () => {
    const router = platform.router(registry, server.deliver);
    for (const user of ["ann", "bob"]) {
      expect(await router.route(messageTo(user, "group"))).toMatchObject({
        outcome: "pending",
        duplicate: false,
      });
    }
    expect(await platform.pending()).toEqual(["group", "group"]);
    await registry.register(connectionOf("ann"));
    server.answer = () => "refuse";
    const refusing = startWorker();
    const attempts = async () => {
      const { rows } = await platform.admin.query<{ user_id: string; attempts: number }>(
        "SELECT user_id, attempts FROM pending_deliveries",
      );
      return new Map(rows.map((row) => [row.user_id, row.attempts]));
    };
    await waitUntil(async () => ((await attempts()).get("ann") ?? 0) > 0, {
      what: "an attempt to be counted",
      deadlineMs: patience,
    });
    expect((await attempts()).get("bob")).toBe(0);
    await refusing.stop();

    server.answer = () => "acknowledge";
    startWorker();
    await drained("ann");
    expect(await platform.pending("bob")).toEqual(["group"]);
    await registry.register(connectionOf("bob"));
    await drained();
    expect(server.received).toEqual(
      new Map([
        ["ann", ["group"]],
        ["bob", ["group"]],
      ]),
    );
  });

  it("go on with other users when the registry has no answer for the few they asked about", async () => {
    await wait(["a", "b", "c", "d", "e", "f"], 1);
    const pool = new pg.Pool({ ...platform.postgres.connection, max: 3 });
    const asked: (readonly string[])[] = [];
    const drain = (silent: (user: string) => boolean) =>
      drainPending({
        pool,
        table: defaultPendingDeliveries,
        deliver: server.deliver,
        usersPerPage: 2,
        concurrency: 2,
        skip: (user) => user === "b",
        find: async (users) => {
          asked.push(users);
          if (users.every(silent)) return undefined;
          return new Map(users.filter((user) => !silent(user)).map((user) => [user, connectionOf(user)]));
        },
      });
    try {
      // A whole page without an answer is taken for a registry that is away: nobody else is asked about.
      expect(await drain(() => true)).toEqual({ delivered: 0, registryAnswered: false });
      expect(asked).toEqual([["a"], ["c", "d"]]);
      expect(await drain((user) => user === "a")).toEqual({ delivered: 4, registryAnswered: false });
      expect(await platform.pending()).toEqual(["a-0", "b-0"]);
    } finally {
      await pool.end();
    }
  });

  it("pause while the registry is away or hangs, and resume by themselves", async () => {
    await wait(["ann"], 2);
    await registry.register(connectionOf("ann"));
    const metrics = new Registry();
    const watched = await platform.registry({ deadlineMs: 100, metrics, breaker: { failureThreshold: 1 } });
    platform.redis.pause();
    await frozen([platform.redis.pid]);
    const worker = platform.worker(watched, server.deliver);
    workers.push(worker);
    worker.start();
    await waitUntil(
      async () =>
        ((await pageOf(metrics)).value("redisops_store_short_circuited_total", { role: "registry" }) ?? 0) >
        0,
      { what: "the worker to notice", deadlineMs: patience },
    );
    expect(server.received.size).toBe(0);
    platform.redis.resume();
    await drained();
    expect(server.received.get("ann")).toEqual(numbered("ann", 2));

    await platform.redis.kill();
    await wait(["bob"], 2);
    await platform.redis.restart({ empty: true });
    await waitUntil(async () => (await registry.heartbeat(connectionOf("bob"))) === "extended", {
      what: "bob to be registered",
      deadlineMs: patience,
    });
    await drained();
    expect(server.received.get("bob")).toEqual(numbered("bob", 2));
  });

  it("resume when Postgres is back", async () => {
    await wait(["ann"], 2);
    platform.postgres.pause();
    await frozen([platform.postgres.pid]);
    const metrics = new Registry();
    await registry.register(connectionOf("ann"));
    startWorker({ metrics });
    const failures = async () =>
      (await pageOf(metrics)).value("redisops_store_failures_total", {
        role: "postgres",
        error_class: "timeout",
      });
    await waitUntil(async () => ((await failures()) ?? 0) > 0, {
      what: "the worker to notice",
      deadlineMs: patience,
    });
    platform.postgres.resume();
    await drained();
    expect(server.received.get("ann")).toEqual(numbered("ann", 2));
  });

  it("work through PgBouncer in transaction mode, like the router", async () => {
    const pgbouncer = await startPgBouncer(workspace, { postgres: platform.postgres, poolSize: 2 });
    const location = { ...platform.location, address: `127.0.0.1:${pgbouncer.port}` };
    const router = new MessageRouter(registry, location, server.deliver, {
      deadlineMs: 10_000,
      metrics: new Registry(),
    });
    const users = names(50);
    for (const number of [0, 1, 2]) {
      await Promise.all(users.map((user) => router.route(messageTo(user, `${user}-${number}`))));
    }
    await router.close();
    expect(await platform.pending()).toHaveLength(150);
    await registry.heartbeatAll(users.map((user) => connectionOf(user)));
    for (let count = 0; count < 2; count++) {
      const worker = new DeliveryWorker(registry, location, server.deliver, { metrics: new Registry() });
      workers.push(worker);
      worker.start();
    }
    await drained();
    expect(server.duplicates).toBe(0);
    for (const user of users) expect(server.received.get(user)).toEqual(numbered(user, 3));
  });
});
