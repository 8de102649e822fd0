import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { defaultPendingDeliveries } from "../../core/pending-deliveries/table.ts";
import {
  type DeliveryEndpoint,
  type EndpointAnswer,
  startDeliveryEndpoint,
} from "../../lab/servers/delivery-endpoint.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { names, numbered, type PendingPlatform, startPendingPlatform } from "./recovery-pending-platform.ts";

let workspace: Workspace;
let platform: PendingPlatform;
let endpoint: DeliveryEndpoint;
let http: { readonly kind: "http"; readonly url: string };

beforeAll(async () => {
  workspace = await createWorkspace("recovery-pending");
  platform = await startPendingPlatform(workspace);
}, patience);

beforeEach(async () => {
  await platform.reset();
  endpoint = await startDeliveryEndpoint(workspace);
  http = { kind: "http", url: endpoint.url };
});

afterAll(async () => {
  await workspace.close();
});

describe("a drain of pending_deliveries", { timeout: patience }, () => {
  it("hands over what waits for the connected, in order and once, and leaves the others' alone", async () => {
    const users = names(700);
    await platform.wait(users, 5);
    await platform.wait(["busy"], 900);
    await platform.wait(names(50, "away"), 2);
    await platform.connect([...users, "busy"]);
    const { verification } = await platform.drain();
    const byUser = await platform.streamedByUser();
    for (const user of users) expect(byUser.get(user)).toEqual(numbered(user, 5));
    expect(byUser.get("busy")).toEqual(numbered("busy", 900));
    expect(byUser.size).toBe(701);
    expect(await platform.waiting()).toHaveLength(100);
    expect(verification.holds).toBe(true);
    expect(verification.figures).toMatchObject({ delivered: 4_400, set_aside: 0, recipients_offline: 50 });
  });

  it("takes ids and bodies with every character that Postgres stores, and large ones", async () => {
    const odd = Array.from({ length: 0x250 }, (_, code) =>
      code === 0 ? "" : String.fromCodePoint(code),
    ).join("");
    const users = [odd, "{}", '"', "a\\b", "\u{1f600}", " ", "%"];
    const large = "x".repeat(1_000_000);
    const bodies = [odd, large, "", large, large, large, large, large, "y".repeat(8_193)];
    for (const user of users) {
      for (const [n, body] of bodies.entries()) {
        await platform.admin.query(
          "INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body) VALUES ($1, $2, $3, $4)",
          [`${odd}${n}`, user, odd, body],
        );
      }
    }
    await platform.connect(users);
    const { verification } = await platform.drain();
    expect(verification.holds).toBe(true);
    const entries = await platform.streamed();
    for (const user of users) {
      const own = entries.filter(({ userId }) => userId === user);
      expect(own.map(({ messageId }) => messageId)).toEqual(bodies.map((_, n) => `${odd}${n}`));
      expect(own.every(({ body }, n) => body === bodies[n])).toBe(true);
      expect(own.every(({ conversationId }) => conversationId === odd)).toBe(true);
    }
  });

  it("sets aside what is refused again and again, and then goes on with what is behind it", async () => {
    const users = names(30);
    await platform.wait(users, 4);
    await platform.connect(users);
    endpoint.answer = ({ message_id, body }) =>
      message_id === "user-3-1" ? { refused: `no ${body} to be had\n`.repeat(50) } : "acknowledged";
    const { verification } = await platform.drain({ delivery: http, pending: { max_attempts: 3 } });
    expect(endpoint.received.get("user-3")).toEqual(["user-3-0", "user-3-2", "user-3-3"]);
    for (const user of users.filter((name) => name !== "user-3")) {
      expect(endpoint.received.get(user)).toEqual(numbered(user, 4));
    }
    expect(await platform.waiting()).toEqual([]);
    const { rows } = await platform.admin.query("SELECT * FROM pending_deliveries_set_aside");
    expect(rows).toMatchObject([{ message_id: "user-3-1", user_id: "user-3", body: "b", attempts: 3 }]);
    expect(rows[0]?.reason).toMatch(/^no b to be had no b/);
    expect(rows[0]?.reason.length).toBeLessThanOrEqual(200);
    expect(verification.figures).toMatchObject({ set_aside: 1, delivered: 119 });

    const direct = (await platform.redis.get("conn:user-3"))?.replace("queued", "direct") ?? "";
    await platform.redis.set("conn:user-3", direct);
    endpoint.answer = () => "acknowledged";
    const again = await platform.plan({ delivery: http, retrySetAside: true });
    expect(again.plan.steps[0]).toBe("put back 1 messages that were set aside");
    await platform.drain({ delivery: http, retrySetAside: true });
    expect(endpoint.received.get("user-3")?.at(-1)).toBe("user-3-1");
    expect(direct).toContain(" direct ");
    expect(await platform.redis.get("conn:user-3")).toContain(" queued ");
    expect((await platform.admin.query("SELECT FROM pending_deliveries_set_aside")).rowCount).toBe(0);
  });

  it("counts its own refusals only: those of an outage set no message aside", async () => {
    await platform.wait(["ann"], 2);
    await platform.connect(["ann"]);
    await platform.admin.query("UPDATE pending_deliveries SET attempts = 100");
    let refusals = 0;
    endpoint.answer = () => (refusals++ < 2 ? { refused: "not yet" } : "acknowledged");
    const { verification } = await platform.drain({ delivery: http, pending: { max_attempts: 3 } });
    expect(verification.figures).toMatchObject({ set_aside: 0, delivered: 2 });
    expect(endpoint.received.get("ann")).toEqual(numbered("ann", 2));
  });

  it("sets aside rows that no receiver could take, and does not stop at them", async () => {
    await platform.admin.query(`
      ALTER TABLE pending_deliveries DROP CONSTRAINT pending_deliveries_pkey;
      ALTER TABLE pending_deliveries ALTER message_id DROP NOT NULL, ALTER user_id DROP NOT NULL,
        ALTER conversation_id DROP NOT NULL, ALTER body DROP NOT NULL, ALTER created_at DROP NOT NULL,
        ALTER attempts DROP NOT NULL`);
    try {
      await platform.admin.query(`
        INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body, created_at, attempts) VALUES
          ('a', 'ann', 'c', 'b', now(), 0), (NULL, 'ann', 'c', 'b', now(), 0), ('b', 'ann', NULL, 'b', NULL, NULL),
          ('c', 'ann', 'c', NULL, now(), 0), ('d', 'ann', 'c', 'b', NULL, NULL), ('e', NULL, 'c', 'b', now(), 0),
          ('f', 'ann', 'c', 'b', 'infinity', 0), ('g', 'ann', 'c', 'b', '-infinity', 7)`);
      await platform.connect(["ann"]);
      const warnings: string[] = [];
      const { verification } = await platform.drain({ onWarning: (warning) => warnings.push(warning) });
      expect((await platform.streamedByUser()).get("ann")).toEqual(["a", "d", "f", "g"]);
      expect(await platform.waiting()).toEqual([]);
      expect(verification.figures).toMatchObject({ set_aside: 4 });
      expect(warnings).toContain(
        "1 rows that name no recipient were set aside in pending_deliveries_set_aside",
      );
    } finally {
      await platform.admin.query(`
        TRUNCATE pending_deliveries;
        ALTER TABLE pending_deliveries ADD PRIMARY KEY (user_id, message_id), ALTER conversation_id SET NOT NULL,
          ALTER body SET NOT NULL, ALTER created_at SET NOT NULL, ALTER attempts SET NOT NULL`);
    }
  });

  it("goes on with everybody else while one connection server hangs, and says what remains", async () => {
    await platform.wait(names(20), 3);
    await platform.wait(["stuck"], 2);
    await platform.connect(names(20));
    await platform.connect(["stuck"], "server-2");
    endpoint.answer = ({ user_id }) => (user_id === "stuck" ? "hang" : "acknowledged");
    const drained = platform.drain({ delivery: http, pending: { delivery_deadline: "200ms" } });
    try {
      await waitUntil(async () => (await platform.waiting()).join() === "stuck-0,stuck-1", {
        what: "the others' messages to be removed",
        deadlineMs: patience,
      });
      for (const user of names(20)) expect(endpoint.received.get(user)).toEqual(numbered(user, 3));
    } finally {
      endpoint.answer = () => "acknowledged";
    }
    await drained;
    expect(endpoint.received.get("stuck")).toEqual(numbered("stuck", 2));
  });

  it("finds the one message that a server hangs at, and sets it aside", async () => {
    const users = ["user-4", "user-5", "user-6"];
    await platform.wait(users, 2);
    await platform.connect(users);
    endpoint.answer = ({ message_id }) => (message_id === "user-5-0" ? "hang" : "acknowledged");
    await platform.drain({ delivery: http, pending: { delivery_deadline: "100ms", max_attempts: 1 } });
    expect(await platform.waiting()).toEqual([]);
    const { rows } = await platform.admin.query(
      "SELECT message_id, reason FROM pending_deliveries_set_aside",
    );
    expect(rows).toEqual([{ message_id: "user-5-0", reason: "no answer to this message alone" }]);
    expect(endpoint.received.get("user-5")?.at(-1)).toBe("user-5-1");
  });

  it("leaves alone whom the endpoint does not find connected", async () => {
    await platform.wait(names(3), 2);
    await platform.connect(names(3));
    endpoint.answer = ({ user_id }) => (user_id === "user-1" ? "offline" : "acknowledged");
    await platform.drain({ delivery: http });
    expect(await platform.waiting()).toEqual(numbered("user-1", 2));
    const { rows } = await platform.admin.query("SELECT attempts FROM pending_deliveries");
    expect(rows).toEqual([{ attempts: 0 }, { attempts: 0 }]);
  });

  it("finds the message that an endpoint refuses a whole batch for", async () => {
    await platform.wait(names(9), 2);
    await platform.connect(names(9));
    endpoint.status = ({ messages }) =>
      messages.some(({ message_id }) => message_id === "user-4-0") ? 413 : 200;
    await platform.drain({ delivery: http, pending: { max_attempts: 1 } });
    const { rows } = await platform.admin.query(
      "SELECT message_id, reason FROM pending_deliveries_set_aside",
    );
    expect(rows).toEqual([{ message_id: "user-4-0", reason: "status 413" }]);
    expect(endpoint.received.get("user-4")).toEqual(["user-4-1"]);
    expect(await platform.waiting()).toEqual([]);
    expect(endpoint.batches.every(({ key }) => /^"[\w-]{43}"$/.test(key ?? ""))).toBe(true);
  });

  it("does not serve a user whom a delivery worker serves, and gets to them afterwards", async () => {
    await platform.wait(["ann", "bob"], 3);
    await platform.connect(["ann", "bob"]);
    const lock = `redisops ${defaultPendingDeliveries.table} ann`;
    await platform.admin.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [lock]);
    const drained = platform.drain();
    try {
      await waitUntil(async () => (await platform.waiting()).length === 3, {
        what: "bob's messages to be handed over",
        deadlineMs: patience,
      });
      expect([...(await platform.streamedByUser()).keys()]).toEqual(["bob"]);
    } finally {
      await platform.admin.query("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [lock]);
    }
    await drained;
    expect((await platform.streamedByUser()).get("ann")).toEqual(numbered("ann", 3));
  });

  it("ends although new messages keep coming in", async () => {
    const users = names(50);
    await platform.wait(users, 10);
    await platform.connect(users);
    const stop = new AbortController();
    const arrivals = (async () => {
      for (let n = 10; !stop.signal.aborted; n++) await platform.wait(users, 1, n);
    })();
    try {
      await platform.drain();
    } finally {
      stop.abort();
      await arrivals;
    }
    await platform.drain();
    for (const [user, ids] of await platform.streamedByUser())
      expect(ids).toEqual(numbered(user, ids.length));
    expect(await platform.waiting()).toEqual([]);
  });

  it("holds back vacuum by no transaction while a batch is handed over", async () => {
    await platform.wait(["ann"], 2);
    await platform.connect(["ann"]);
    let seen: unknown;
    endpoint.answer = async (): Promise<EndpointAnswer> => {
      const { rows } = await platform.admin.query(
        `SELECT count(*)::integer AS open, count(backend_xid)::integer AS xids, count(backend_xmin)::integer AS xmins
         FROM pg_stat_activity WHERE application_name = 'redisops' AND state = 'idle in transaction'`,
      );
      seen ??= rows[0];
      return "acknowledged";
    };
    await platform.drain({ delivery: http });
    expect(seen).toEqual({ open: 1, xids: 0, xmins: 0 });
  });

  it("reads a registry that is a cluster", async () => {
    const cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3 });
    const users = names(200);
    await platform.wait([...users, "away"], 2);
    await platform.connectInCluster(cluster, users);
    const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
    await platform.drain({ roles: { registry: { topology: "cluster", nodes } } });
    const byUser = await platform.streamedByUser();
    for (const user of users) expect(byUser.get(user)).toEqual(numbered(user, 2));
    expect(await platform.waiting()).toEqual(numbered("away", 2));
  });

  it("does no faster than it is asked to", async () => {
    const rate = 400;
    await platform.wait(names(240), 5);
    await platform.connect(names(240));
    const began = performance.now();
    let given = 0;
    const ahead: number[] = [];
    endpoint.answer = () => {
      given++;
      ahead.push(given - (rate * (performance.now() - began)) / 1_000);
      return "acknowledged";
    };
    await platform.drain({ delivery: http, maxRate: rate });
    expect(given).toBe(1_200);
    // Each lane pays for a batch before it, and may find the rate free at the same moment.
    const largest = Math.max(...endpoint.batches.map(({ size }) => size));
    expect(largest).toBeLessThan(1_200);
    expect(Math.max(...ahead)).toBeLessThanOrEqual(largest);
  });

  it("says how many messages came in meanwhile and wait", async () => {
    await platform.wait(names(20), 1);
    await platform.connect(names(20));
    let arrived: Promise<void> | undefined;
    endpoint.answer = async (): Promise<EndpointAnswer> => {
      arrived ??= platform.wait(names(3, "away"), 2);
      await arrived;
      return "acknowledged";
    };
    const { verification } = await platform.drain({ delivery: http });
    expect(verification.figures).toMatchObject({ waiting_since: 6, recipients_connected: 0 });
    expect(verification.facts).toContainEqual({ label: "came in since", value: "6 messages, and wait" });
  });
});

describe("the plan of a drain", { timeout: patience }, () => {
  it("says what waits, for how many who are connected, and where it goes", async () => {
    await platform.wait(names(10), 3);
    // Recipients are drawn by time: evenly spaced, none is missed.
    await platform.admin.query(
      "UPDATE pending_deliveries SET created_at = now() - make_interval(secs => position)",
    );
    await platform.connect(names(4));
    const { plan } = await platform.plan();
    const facts = new Map(plan.facts.map(({ label, value }) => [label, value]));
    expect(facts.get("waiting messages")).toBe("30");
    expect(facts.get("connected")).toMatch(/^4 of 10 recipients sampled$/);
    expect(facts.get("delivery")).toBe(`streams of Redis at 127.0.0.1:${platform.registry.port}`);
    expect(plan.hasChanges).toBe(true);
    expect(plan.refusal).toBeUndefined();
    expect(JSON.stringify(plan)).not.toContain("user-");
  });

  it("has nothing to do when nothing waits", async () => {
    expect((await platform.plan()).plan).toMatchObject({ hasChanges: false, items: 0 });
  });

  it("is refused while the registry is empty or away, the target is away, or nothing says where to", async () => {
    await platform.wait(names(3), 1);
    expect((await platform.plan()).plan.refusal?.code).toBe("REGISTRY_COLD");
    const port = await workspace.port();
    const away = { topology: "standalone", address: `127.0.0.1:${port}` };
    expect((await platform.plan({ roles: { registry: away } })).plan.refusal?.code).toBe("REDIS_REFUSED");
    await platform.connect(names(3));
    const stream = { kind: "redis_stream", address: `127.0.0.1:${port}` };
    expect((await platform.plan({ delivery: stream })).plan.refusal).toMatchObject({
      code: "REDIS_REFUSED",
      target: `streams of Redis at 127.0.0.1:${port}`,
    });
    await expect(platform.plan({ withoutDelivery: true })).rejects.toMatchObject({
      code: "CONFIG_INCOMPLETE",
    });
  });
});
