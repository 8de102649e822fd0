import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import {
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
let metrics: Registry;

beforeAll(async () => {
  workspace = await createWorkspace("fallbacks-registry-delay");
  platform = await startRegistryPlatform(workspace);
});

beforeEach(async () => {
  await withRedis(platform.redis.port, (client) => client.flushall());
  await platform.admin.query("TRUNCATE pending_deliveries");
  registry = await platform.registry();
  server = new ConnectionServer();
  metrics = new Registry();
});

afterAll(async () => {
  await workspace.close();
});

/** How many messages were handed over, and how many of them within so many seconds. */
async function delays(le: string): Promise<{ all: number | undefined; within: number | undefined }> {
  const page = await pageOf(metrics);
  const labels = { role: "registry" };
  return {
    all: page.value("redisops_delivery_delay_seconds_count", labels),
    within: page.value("redisops_delivery_delay_seconds_bucket", { ...labels, le }),
  };
}

/** A message that was accepted so many seconds ago. */
async function acceptedAgo(userId: string, seconds: number): Promise<void> {
  await platform.admin.query(
    `INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body, created_at)
     VALUES ('m', $1, 'c', 'b', clock_timestamp() - make_interval(secs => $2))`,
    [userId, seconds],
  );
}

const drained = () =>
  waitUntil(async () => (await platform.pending()).length === 0, {
    what: "pending_deliveries to be empty",
    deadlineMs: patience,
  });

/** A connection of the user that is so many seconds old. */
const connectedAgo = (userId: string, seconds: number) => ({
  ...connectionOf(userId),
  connectedAtMs: Date.now() - seconds * 1_000,
});

describe("the delay of messages", { timeout: patience }, () => {
  it("is next to nothing for what is handed over at once, and the deferred are not counted before they are", async () => {
    await registry.register(connectedAgo("ann", 3_600));
    const router = platform.router(registry, server.deliver, { metrics });
    await router.route(messageTo("ann", "m1"));
    await router.route(messageTo("nobody", "m2"));
    expect(await delays("30")).toEqual({ all: 1, within: 1 });
  });

  it("counts from the recipient's connection, so that time offline is not part of it", async () => {
    await acceptedAgo("ann", 86_400);
    await registry.register(connectedAgo("ann", 0));
    const worker = platform.worker(registry, server.deliver, { metrics });
    worker.start();
    await drained();
    await worker.stop();
    expect(await delays("120")).toEqual({ all: 1, within: 1 });
  });

  it("counts from the message's acceptance for who was connected all the time", async () => {
    await acceptedAgo("ann", 90);
    await registry.register(connectedAgo("ann", 3_600));
    const worker = platform.worker(registry, server.deliver, { metrics });
    worker.start();
    await drained();
    await worker.stop();
    expect(await delays("30")).toEqual({ all: 1, within: 0 });
    expect(await delays("3600")).toEqual({ all: 1, within: 1 });
  });

  it("includes what an outage of the registry hid: its connections keep their beginning", async () => {
    const ann = connectedAgo("ann", 3_600);
    const hasty = await platform.registry({ deadlineMs: 100 });
    await hasty.register(ann);
    platform.redis.pause();
    await frozen([platform.redis.pid]);
    const router = platform.router(hasty, server.deliver, { metrics });
    expect(await router.route(messageTo("ann", "m1"))).toMatchObject({ reason: "registry_unavailable" });
    platform.redis.resume();
    // As if the outage had lasted for five minutes, in which the registry lost its data.
    await platform.admin.query(
      "UPDATE pending_deliveries SET created_at = created_at - interval '5 minutes'",
    );
    await withRedis(platform.redis.port, (client) => client.flushall());
    expect(await registry.heartbeat(ann)).toBe("restored");
    const worker = platform.worker(registry, server.deliver, { metrics });
    worker.start();
    await drained();
    await worker.stop();
    expect(await delays("120")).toEqual({ all: 1, within: 0 });
  });

  it("is not counted before the connection server has acknowledged", async () => {
    await acceptedAgo("ann", 1);
    await registry.register(connectedAgo("ann", 3_600));
    let refuse = true;
    server.answer = () => (refuse ? "refuse" : "acknowledge");
    const worker = platform.worker(registry, server.deliver, { metrics });
    worker.start();
    await waitUntil(
      async () =>
        ((await pageOf(metrics)).value("redisops_pending_delivery_failures_total", { role: "registry" }) ??
          0) > 0,
      { what: "a refused delivery", deadlineMs: patience },
    );
    expect(await delays("+Inf")).toEqual({ all: 0, within: 0 });
    refuse = false;
    await drained();
    await worker.stop();
    expect(await delays("+Inf")).toEqual({ all: 1, within: 1 });
  });
});
