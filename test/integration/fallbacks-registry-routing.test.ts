import { inspect } from "node:util";
import pg from "pg";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Message } from "../../core/pending-deliveries/message.ts";
import { defaultPendingDeliveries, pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { formatEntry } from "../../core/registry/entry.ts";
import { MessageRouter } from "../../fallbacks/registry/message-router.ts";
import type { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
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

beforeAll(async () => {
  workspace = await createWorkspace("fallbacks-registry-routing");
  platform = await startRegistryPlatform(workspace);
});

beforeEach(async () => {
  await withRedis(platform.redis.port, (client) => client.flushall());
  await platform.admin.query("TRUNCATE pending_deliveries");
  registry = await platform.registry();
  server = new ConnectionServer();
});

afterAll(async () => {
  await workspace.close();
});

const ann = connectionOf("ann");
const delivered = { outcome: "delivered", serverId: "server-1" };
const pending = (reason: string, duplicate = false) => ({ outcome: "pending", reason, duplicate });
const direct = async (client = registry) => (await client.lookup("ann"))?.delivery === "direct";

/** Enters ann's connection and lets a router find that nothing waits for her. */
async function annDirect(): Promise<void> {
  await registry.register(ann);
  const router = platform.router(registry, server.deliver, { settleMs: 0 });
  let sent = 0;
  const found = async () => {
    sent += 1;
    await router.route(messageTo("ann", `first-${sent}`));
    return direct();
  };
  await waitUntil(found, { what: "ann's entry to say direct", deadlineMs: patience });
}

describe("the message router", { timeout: patience }, () => {
  it("hands over to the recipient's connection server", async () => {
    await registry.register(ann);
    const router = platform.router(registry, server.deliver);
    expect(await router.route(messageTo("ann", "m1"))).toEqual(delivered);
    expect(server.received.get("ann")).toEqual(["m1"]);
    expect(await platform.pending()).toEqual([]);
  });

  it("stores what is for somebody offline, once for each message id, and counts it", async () => {
    const metrics = new Registry();
    const router = platform.router(registry, server.deliver, { metrics });
    expect(await router.route(messageTo("ann", "m1"))).toEqual(pending("offline"));
    expect(await router.route(messageTo("ann", "m1"))).toEqual(pending("offline", true));
    expect(await router.route(messageTo("ann", "m2"))).toEqual(pending("offline"));
    const { rows } = await platform.admin.query(
      "SELECT message_id, user_id, conversation_id, body, attempts FROM pending_deliveries ORDER BY position",
    );
    expect(rows).toEqual([
      {
        message_id: "m1",
        user_id: "ann",
        conversation_id: "conversation of ann",
        body: '{"text":"m1"}',
        attempts: 0,
      },
      {
        message_id: "m2",
        user_id: "ann",
        conversation_id: "conversation of ann",
        body: '{"text":"m2"}',
        attempts: 0,
      },
    ]);
    const page = await pageOf(metrics);
    expect(page.value("redisops_messages_deferred_total", { role: "registry" })).toBe(3);
  });

  it.each<Answer>(["refuse", "reject", "hang"])(
    "stores what a connection server does not acknowledge: %s",
    async (answer) => {
      await annDirect();
      server.answer = () => answer;
      const router = platform.router(registry, server.deliver, { deliverDeadlineMs: 100, settleMs: 0 });
      expect(await router.route(messageTo("ann", "m1"))).toEqual(pending("handover_failed"));
      expect(await platform.pending()).toEqual(["m1"]);
      expect(await direct()).toBe(false);
    },
  );

  it("lets nothing overtake what waits, in any process, until it is delivered", async () => {
    await annDirect();
    const one = platform.router(registry, server.deliver, { settleMs: 0 });
    const other = platform.router(await platform.registry(), server.deliver, { settleMs: 0 });
    server.answer = () => "refuse";
    await one.route(messageTo("ann", "m1"));
    server.answer = () => "acknowledge";
    expect(await other.route(messageTo("ann", "m2"))).toEqual(pending("backlog"));
    expect(await one.route(messageTo("ann", "m3"))).toEqual(pending("backlog"));

    await platform.admin.query("DELETE FROM pending_deliveries");
    expect(await other.route(messageTo("ann", "m4"))).toEqual(delivered);
  });

  it("lets nothing overtake what is slow to be stored behind a backlog", async () => {
    const settleMs = 60_000;
    await annDirect();
    // Loads the script, and then: an entry that has been queued for longer than any insert takes.
    await registry.markQueued("ann");
    const entry = { ...ann, delivery: "queued", sinceMs: Date.now() - 2 * settleMs } as const;
    await withRedis(platform.redis.port, (client) => client.set("conn:ann", formatEntry(entry)));
    const insert = (id: string) =>
      `INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body) VALUES ('${id}', 'ann', 'c', 'b')`;
    await platform.admin.query(insert("waiting"));
    const one = platform.router(registry, server.deliver, { settleMs });
    const other = platform.router(await platform.registry(), server.deliver, {
      settleMs,
      deadlineMs: patience,
    });
    const holder = new pg.Client(platform.postgres.connection);
    await holder.connect();
    try {
      await holder.query("BEGIN");
      await holder.query(insert("b1"));
      const slow = other.route(messageTo("ann", "b1"));
      await waitUntil(
        async () => {
          const blocked = "wait_event_type = 'Lock' AND query LIKE 'INSERT INTO%pending_deliveries%'";
          return (
            (await platform.admin.query(`SELECT 1 FROM pg_stat_activity WHERE ${blocked}`)).rowCount === 1
          );
        },
        { what: "the insert to be held up", deadlineMs: patience },
      );
      await platform.admin.query("DELETE FROM pending_deliveries WHERE message_id = 'waiting'");
      expect(await one.route(messageTo("ann", "m1"))).toEqual(delivered);
      await holder.query("ROLLBACK");
      expect(await slow).toEqual(pending("backlog"));
      expect(await one.route(messageTo("ann", "m2"))).toEqual(pending("backlog"));
    } finally {
      await holder.end();
    }
  });

  it("asks Postgres about a user who has just come online, and only until nothing is found", async () => {
    await registry.register(ann);
    const router = platform.router(registry, server.deliver, { settleMs: 60_000 });
    expect(await router.route(messageTo("ann", "m1"))).toEqual(delivered);
    await platform.admin.query(
      "INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body) VALUES ('late', 'ann', 'c', 'b')",
    );
    expect(await router.route(messageTo("ann", "m2"))).toEqual(pending("backlog"));
    expect(await direct()).toBe(false);

    await platform.admin.query("DELETE FROM pending_deliveries");
    await annDirect();
    platform.postgres.pause();
    await frozen([platform.postgres.pid]);
    try {
      expect(await router.route(messageTo("ann", "m3"))).toEqual(delivered);
    } finally {
      platform.postgres.resume();
    }
  });

  it("trusts no entry from before an outage that it could not write down", async () => {
    await annDirect();
    // The first failure opens the breaker, so that the mark is not even sent: sent, it would be obeyed after the outage.
    const frail = await platform.registry({ deadlineMs: 100, breaker: { failureThreshold: 1 } });
    const router = platform.router(frail, server.deliver, { settleMs: 60_000 });
    platform.redis.pause();
    await frozen([platform.redis.pid]);
    try {
      expect(await router.route(messageTo("ann", "m1"))).toEqual(pending("registry_unavailable"));
    } finally {
      platform.redis.resume();
    }
    await waitUntil(() => direct(frail), {
      what: "the old entry to be readable again",
      deadlineMs: patience,
    });
    expect(await router.route(messageTo("ann", "m2"))).toEqual(pending("backlog"));
    expect(await platform.pending("ann")).toEqual(["m1", "m2"]);
  });

  it("keeps one user's messages in order within the process, and lets others pass", async () => {
    await registry.register(ann);
    await registry.register(connectionOf("bob"));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = 0;
    server.answer = async ({ userId }): Promise<Answer> => {
      if (userId !== "ann") return "acknowledge";
      begun += 1;
      await held;
      return "acknowledge";
    };
    const router = platform.router(registry, server.deliver, { deliverDeadlineMs: patience });
    const sent = ["m1", "m2", "m3"].map((id) => router.route(messageTo("ann", id)));
    expect(await router.route(messageTo("bob", "b1"))).toEqual(delivered);
    await waitUntil(() => begun > 0, { what: "the first hand-over to begin", deadlineMs: patience });
    expect(await router.route(messageTo("bob", "b2"))).toEqual(delivered);
    expect(begun).toBe(1);
    release();
    expect(await Promise.all(sent)).toEqual([delivered, delivered, delivered]);
    expect(server.received.get("ann")).toEqual(["m1", "m2", "m3"]);
  });

  it("takes no more messages than it is allowed to have on their way", async () => {
    await registry.register(ann);
    server.answer = () => "hang";
    const router = platform.router(registry, server.deliver, { maxInFlight: 2, deliverDeadlineMs: 500 });
    const sent = ["m1", "m2"].map((id) => router.route(messageTo("ann", id)));
    await expect(router.route(messageTo("bob", "b1"))).rejects.toMatchObject({
      code: "MESSAGE_NOT_ACCEPTED",
    });
    expect((await Promise.all(sent)).map(({ outcome }) => outcome)).toEqual(["pending", "pending"]);
    expect(await router.route(messageTo("bob", "b1"))).toEqual(pending("offline"));
  });

  it("refuses a message that Postgres does not take, and takes it when Postgres is back", async () => {
    const frail = await platform.registry({ deadlineMs: 100 });
    const router = platform.router(frail, server.deliver, { deadlineMs: 500 });
    platform.postgres.pause();
    platform.redis.pause();
    await frozen([platform.postgres.pid, platform.redis.pid]);
    try {
      await expect(router.route(messageTo("ann", "m1"))).rejects.toMatchObject({
        code: "MESSAGE_NOT_ACCEPTED",
        target: `table pending_deliveries of Postgres postgres at 127.0.0.1:${platform.postgres.port}`,
      });
    } finally {
      platform.postgres.resume();
      platform.redis.resume();
    }
    await waitUntil(
      () =>
        router.route(messageTo("ann", "m1")).then(
          ({ outcome }) => outcome === "pending",
          () => false,
        ),
      { what: "the message to be accepted", deadlineMs: patience },
    );
    expect(await platform.pending()).toEqual(["m1"]);
  });

  it("tells neither the message nor its recipient when Postgres finds fault with it", async () => {
    const config = { ...defaultPendingDeliveries, table: "numbered" };
    await platform.admin.query(
      pendingDeliveriesDdl(config)
        .replace('"user_id" text', '"user_id" bigint')
        .replace("body text", "body uuid"),
    );
    const location = { ...platform.location, tables: { pending_deliveries: config } };
    const router = new MessageRouter(registry, location, server.deliver, { metrics: new Registry() });
    const refusal = (message: Message) => router.route(message).catch((thrown) => thrown);
    try {
      for (const [message, state] of [
        [messageTo("ann@example.org", "m1"), "22P02"],
        [{ ...messageTo("17", "m1"), body: "secret words" }, "22P02"],
        [{ ...messageTo("17", "m1"), conversationId: "secret\0words" }, "22021"],
      ] as const) {
        const error = await refusal(message);
        expect(error.code).toBe("MESSAGE_NOT_ACCEPTED");
        expect(error.message).toContain(`SQLSTATE ${state}`);
        expect(inspect(error)).not.toMatch(/secret|words|example/);
        expect(error.cause).toBeUndefined();
      }
      await platform.admin.query("ALTER TABLE numbered DROP CONSTRAINT numbered_pkey");
      const body = "00000000-0000-0000-0000-000000000000";
      expect((await refusal({ ...messageTo("17", "m1"), body })).message).toContain(
        "SQLSTATE 42P10: the table has no primary key over its user column and message_id",
      );
    } finally {
      await router.close();
    }
  });

  it("hands over to somebody connected when Postgres is silent: out of order is better than not at all", async () => {
    await registry.register(ann);
    const router = platform.router(registry, server.deliver, { deadlineMs: 200 });
    platform.postgres.pause();
    await frozen([platform.postgres.pid]);
    try {
      expect(await router.route(messageTo("ann", "m1"))).toEqual(delivered);
    } finally {
      platform.postgres.resume();
    }
  });
});
