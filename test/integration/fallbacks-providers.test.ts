import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { bucketKey } from "../../core/token-bucket/buckets.ts";
import type { Attempt } from "../../fallbacks/providers/provider-client.ts";
import { startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { long } from "../fixtures/long.ts";
import { patience } from "../fixtures/processes.ts";
import {
  answeredMore,
  openWorker,
  SteadyLoad,
  sidOf,
  startTwilio,
  twilioAttempt,
  type Worker,
} from "./fallbacks/provider-traffic.ts";

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("providers");
});

afterEach(async () => {
  await workspace.close();
});

async function standalone(): Promise<RedisConnectionConfig & { port: number }> {
  const { port } = await startRedis(workspace, { name: "redis" });
  return { topology: "standalone", address: `127.0.0.1:${port}`, port };
}

/** When a token was taken: not before `asked`, not after `granted`. */
interface Grant {
  readonly asked: number;
  readonly granted: number;
}

/**
 * The most that any window holds beyond what the limit refills in it: at most one burst is allowed. Redis's time is cut to
 * milliseconds, which may count one of them twice.
 */
function worstBurst(grants: readonly Grant[], perSecond: number): number {
  const inOrder = grants.toSorted((a, b) => a.granted - b.granted);
  let worst = 0;
  for (const [first] of inOrder.entries()) {
    let earliest = Number.POSITIVE_INFINITY;
    for (let last = first; last < inOrder.length; last += 1) {
      earliest = Math.min(earliest, inOrder[last]?.asked ?? earliest);
      const lasted = ((inOrder[last]?.granted ?? 0) - earliest + 1) / 1_000;
      worst = Math.max(worst, last - first + 1 - lasted * perSecond);
    }
  }
  return worst;
}

/** Lets several senders of each worker send without a pause until so many requests were made. */
async function sendEagerly(
  workers: readonly Worker[],
  attempt: Attempt,
  total: number,
): Promise<Map<string, Grant[]>> {
  const grants = new Map<string, Grant[]>();
  let made = 0;
  const sender = async ({ client }: Worker): Promise<void> => {
    while (made < total) {
      const asked = performance.now();
      const result = await client.send({ priority: "high" }, (account, signal) => {
        made += 1;
        grants.set(account, [...(grants.get(account) ?? []), { asked, granted: performance.now() }]);
        return attempt(account, signal);
      });
      if (result.outcome === "shed") await delay(Math.min(20, result.retryAfterMs));
    }
  };
  await Promise.all(workers.flatMap((worker) => Array.from({ length: 8 }, () => sender(worker))));
  return grants;
}

describe("with the buckets’ Redis healthy", { timeout: patience }, () => {
  it("never exceeds the account’s limit by more than one burst, over several processes", async () => {
    const twilio = await startTwilio(workspace, { main: 100_000 });
    const connection = await standalone();
    const accounts = [{ name: "main", limitPerSecond: 100, burst: 60 }];
    const workers = await Promise.all(
      [1, 2, 3, 4].map(() => openWorker(workspace, connection, { accounts })),
    );
    const grants = (await sendEagerly(workers, twilioAttempt(twilio), 460)).get("main") ?? [];
    const { accepted, throttled } = twilio.counts(sidOf("main"));
    expect(accepted + throttled).toBe(grants.length);
    expect(grants.length).toBeGreaterThanOrEqual(460);
    expect(worstBurst(grants, 100)).toBeLessThanOrEqual(60);
    for (const worker of workers) {
      const page = await worker.page();
      const degraded = { role: "token_bucket", fallback: "breaker_only" };
      expect(page.value("redisops_decisions_degraded_total", degraded)).toBe(0);
      const labels = { role: "token_bucket", provider: "twilio", account: "main" };
      expect(page.value("redisops_provider_learned_limit", labels)).toBe(100);
    }
  });

  it("never exceeds any account’s limit by more than one burst on a cluster", async () => {
    const cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3 });
    const names = ["one", "two", "three"];
    const twilio = await startTwilio(workspace, { one: 100_000, two: 100_000, three: 100_000 });
    const connection = { topology: "cluster" as const, nodes: [...cluster.addresses] };
    const accounts = names.map((name) => ({ name, limitPerSecond: 60, burst: 30 }));
    const workers = await Promise.all([1, 2].map(() => openWorker(workspace, connection, { accounts })));
    const all = await sendEagerly(workers, twilioAttempt(twilio), 500);
    for (const name of names) {
      const grants = all.get(name) ?? [];
      const { accepted, throttled } = twilio.counts(sidOf(name));
      expect(accepted + throttled).toBe(grants.length);
      expect(grants.length).toBeGreaterThan(50);
      expect(worstBurst(grants, 60)).toBeLessThanOrEqual(30);
    }
  });

  // Without its Redis, where limits are learned, this is always tried: fallbacks-providers-without-redis.
  if (long) {
    it("keeps 429s under 5 % of a provider that has the same limit", async () => {
      const twilio = await startTwilio(workspace, { main: 100 });
      const connection = await standalone();
      const accounts = [{ name: "main", limitPerSecond: 100, burst: 10 }];
      const workers = await Promise.all(
        [1, 2, 3, 4].map(() => openWorker(workspace, connection, { accounts })),
      );
      const loads = workers.map((worker) => new SteadyLoad(worker, twilioAttempt(twilio), 50));
      // Long enough that one stall of a busy machine, which bunches requests, does not decide.
      await answeredMore(twilio, "main", 2_000);
      await Promise.all(loads.map((load) => load.stop()));
      const { accepted, throttled } = twilio.counts(sidOf("main"));
      expect(throttled / (accepted + throttled)).toBeLessThan(0.05);
    });
  }

  it("sheds bulk first and critical last", async () => {
    const twilio = await startTwilio(workspace, { main: 100_000 });
    const connection = await standalone();
    const accounts = [{ name: "main", limitPerSecond: 60, burst: 60 }];
    const worker = await openWorker(workspace, connection, { accounts, maxWaitMs: patience });
    const attempt = twilioAttempt(twilio);
    const loads = {
      critical: new SteadyLoad(worker, attempt, 15, "critical"),
      high: new SteadyLoad(worker, attempt, 40, "high"),
      normal: new SteadyLoad(worker, attempt, 40, "normal"),
      bulk: new SteadyLoad(worker, attempt, 40, "bulk"),
    };
    await answeredMore(twilio, "main", 400);
    await Promise.all(Object.values(loads).map((load) => load.stop()));
    const share = ({ results }: SteadyLoad) => results.sent / (results.sent + results.shed);
    expect(loads.critical.results.shed).toBe(0);
    expect(share(loads.high)).toBeGreaterThan(share(loads.normal));
    expect(share(loads.normal)).toBeGreaterThan(share(loads.bulk));
    const page = await worker.page();
    for (const [priority, { results }] of Object.entries(loads)) {
      const labels = { role: "token_bucket", provider: "twilio", priority };
      expect(page.value("redisops_notifications_shed_total", labels)).toBe(results.shed);
    }
  });

  it("refills a bucket whose time lies ahead", async () => {
    const twilio = await startTwilio(workspace, { main: 1_000 });
    const connection = await standalone();
    const key = bucketKey("bucket:{provider}:{account}", { provider: "twilio", account: "main" });
    await withRedis(connection.port, (client) =>
      client.hset(key, { tokens: 0, updated_ms: Date.now() + 3_600_000 }),
    );
    const accounts = [{ name: "main", limitPerSecond: 100 }];
    const worker = await openWorker(workspace, connection, { accounts });
    const sent = async () =>
      (await worker.client.send({ priority: "normal" }, twilioAttempt(twilio))).outcome === "sent";
    await waitUntil(sent, { what: "the bucket to refill", deadlineMs: patience });
  });
});

describe("an account that answers 429", { timeout: patience }, () => {
  const accounts = ["one", "two"].map((name) => ({ name, limitPerSecond: 500 }));
  const labels = (account: string) => ({ role: "token_bucket", provider: "twilio", account });

  it("is blocked, its notifications go through the next one, and it is used again by itself", async () => {
    const twilio = await startTwilio(workspace, { one: 500, two: 500 });
    const worker = await openWorker(workspace, await standalone(), { accounts });
    twilio.setLimit(sidOf("one"), 0);
    for (let n = 0; n < 60; n += 1) {
      const result = await worker.client.send({ priority: "normal" }, twilioAttempt(twilio));
      expect(result).toEqual({ outcome: "sent", account: "two", status: 201 });
    }
    const refused = twilio.counts(sidOf("one")).throttled;
    expect(refused).toBeGreaterThan(0);
    // One at a time, when a block ends, and not one for each notification.
    expect(refused).toBeLessThan(20);
    expect(twilio.counts(sidOf("two"))).toEqual({ accepted: 60, throttled: 0 });
    const page = await worker.page();
    expect(page.value("redisops_provider_throttled_total", labels("one"))).toBe(refused);
    expect(page.value("redisops_provider_requests_total", labels("one"))).toBe(refused);
    expect(page.value("redisops_provider_requests_total", labels("two"))).toBe(60);
    expect(page.value("redisops_provider_account_blocked", labels("one"))).toBe(1);
    expect(page.value("redisops_provider_account_blocked", labels("two"))).toBe(0);

    twilio.setLimit(sidOf("one"), 500);
    const used = async () => {
      await worker.client.send({ priority: "normal" }, twilioAttempt(twilio));
      return twilio.counts(sidOf("one")).accepted > 0;
    };
    await waitUntil(used, { what: "the account to be used again", deadlineMs: patience });
    expect((await worker.page()).value("redisops_provider_account_blocked", labels("one"))).toBe(0);
  });

  it("as all others do: bulk is shed at once, critical is delivered when one frees up", async () => {
    const twilio = await startTwilio(workspace, { one: 0, two: 0 });
    const worker = await openWorker(workspace, await standalone(), { accounts, maxWaitMs: patience });
    const attempt = twilioAttempt(twilio);
    const bulk = await worker.client.send({ priority: "bulk" }, attempt);
    expect(bulk).toMatchObject({ outcome: "shed", reason: "blocked" });
    const refused = () => twilio.counts(sidOf("one")).throttled + twilio.counts(sidOf("two")).throttled;
    expect(refused()).toBe(2);

    const critical = Array.from({ length: 10 }, () => worker.client.send({ priority: "critical" }, attempt));
    expect((await worker.client.send({ priority: "high" }, attempt)).outcome).toBe("shed");
    twilio.setLimit(sidOf("one"), 500);
    twilio.setLimit(sidOf("two"), 500);
    const results = await Promise.all(critical);
    expect(results.map(({ outcome }) => outcome)).toEqual(new Array(10).fill("sent"));
    const page = await worker.page();
    const shed = (priority: string) =>
      page.value("redisops_notifications_shed_total", { role: "token_bucket", provider: "twilio", priority });
    expect([shed("critical"), shed("high"), shed("normal"), shed("bulk")]).toEqual([0, 1, 0, 1]);
  });
});

describe("SendGrid’s own headers", { timeout: patience }, () => {
  it("end the window before a request too many is sent", async () => {
    const apiKey = "SG.key-of-the-test";
    const sendGrid = await startProviderStandIn(workspace, {
      accounts: [{ provider: "sendgrid", name: "mail", apiKey, perSecond: 30 }],
    });
    const accounts = [{ name: "mail", limitPerSecond: 1_000 }];
    const worker = await openWorker(workspace, await standalone(), { accounts, maxWaitMs: patience });
    const mail = {
      personalizations: [{ to: [{ email: "someone@example.com" }] }],
      from: { email: "lab@example.com" },
    };
    for (let n = 0; n < 100; n += 1) {
      const result = await worker.client.send({ priority: "critical" }, async (_account, signal) => {
        const response = await fetch(`${sendGrid.url}/v3/mail/send`, {
          method: "POST",
          headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
          body: JSON.stringify(mail),
          signal,
        });
        await response.body?.cancel();
        return response;
      });
      expect(result).toMatchObject({ outcome: "sent", status: 202 });
    }
    expect(sendGrid.counts("mail")).toEqual({ accepted: 100, throttled: 0 });
  });
});
