import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { configuredAccounts } from "../../core/token-bucket/buckets.ts";
import { takeToken } from "../../core/token-bucket/take-token.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { startPrometheus } from "../../lab/servers/prometheus.ts";
import { type ProviderStandIn, startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import type { OptionsOf } from "../../recovery/options.ts";
import { standings } from "../../recovery/token-buckets/standing.ts";
import { tokenBuckets } from "../../recovery/token-buckets/token-buckets.ts";
import { patience } from "../fixtures/processes.ts";
import { secretFile } from "./exporter-harness.ts";
import { Driven, type Saved, testRun } from "./recovery-sequence-platform.ts";

const accounts = { main: `AC${"1".repeat(32)}`, spare: `AC${"2".repeat(32)}` };
const main = "bucket:twilio:main";
const spare = "bucket:twilio:spare";

let workspace: Workspace;
let server: RedisServer;
let redis: Redis;
let provider: ProviderStandIn;
let token: string;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-token-buckets");
  token = await secretFile(workspace, "token-of-the-test");
  server = await startRedis(workspace, { name: "buckets" });
  redis = new Redis({ port: server.port, protocol: 2 });
  provider = await startProviderStandIn(workspace, {
    accounts: Object.values(accounts).map((sid) => ({
      provider: "twilio" as const,
      sid,
      authToken: "token-of-the-test",
      perSecond: 1000,
    })),
  });
});
beforeEach(async () => {
  await redis.flushall();
  for (const sid of Object.values(accounts)) provider.setLimit(sid, 1000);
});
afterAll(async () => {
  redis?.disconnect();
  await workspace?.close();
});

/** Buckets of 100 and 50 tokens that gain next to nothing by themselves, unless told otherwise. */
function recovery(
  options: Partial<OptionsOf<"token-buckets">> = {},
  { url = provider.url, perSecond = 0.001, sections = {}, signal = new AbortController().signal } = {},
) {
  const account = (sid: string, burst: number) => ({
    limit_per_second: perSecond,
    burst,
    account_sid: sid,
    auth_token: token,
  });
  return new Driven(
    tokenBuckets,
    {
      roles: { token_bucket: { topology: "standalone", address: `127.0.0.1:${server.port}` } },
      providers: {
        twilio: {
          kind: "twilio",
          base_url: url,
          accounts: { main: account(accounts.main, 100), spare: account(accounts.spare, 50) },
        },
      },
      ...sections,
    },
    options,
    signal,
  );
}

const drain = async (tokens = 0, updated = Date.now()) => {
  for (const key of [main, spare]) await redis.hset(key, { tokens, updated_ms: updated });
};
const level = async (key: string) => Math.round(Number(await redis.hget(key, "tokens")));

describe("recover token-buckets --account", () => {
  it("fills the named accounts alone", async () => {
    await drain();
    expect(await recovery({ account: ["twilio/spare"] }).recover()).toMatchObject({ holds: true });
    expect([await level(main), await level(spare)]).toEqual([0, 50]);
  });

  it("names the known ones where it does not know one", async () => {
    const error = {
      code: "USAGE",
      message: expect.stringMatching(/twilio\/x; known are twilio\/main, twilio\/spare$/),
    };
    await expect(recovery({ account: ["twilio/main", "twilio/x"] }).plan()).rejects.toMatchObject(error);
  });
});

describe("recover token-buckets of blocked accounts", () => {
  it("leaves them as they are, and refuses where no other is left", async () => {
    await drain();
    provider.setLimit(accounts.main, 0);
    const plan = await recovery().plan();
    expect(plan.facts.at(-1)).toMatchObject({
      label: "blocked",
      value: expect.stringMatching(/^twilio\/main: its provider answers 429/),
    });
    expect(plan.steps).toEqual(["set twilio/spare to 50 tokens"]);
    expect(await recovery().recover()).toMatchObject({ holds: true });
    expect([await level(main), await level(spare)]).toEqual([0, 50]);
    const refused = await recovery().plan();
    expect(refused).toMatchObject({ hasChanges: true, refusal: { code: "PROVIDER_BLOCKS" } });
  });

  it("fills them when forced to, which is severe", async () => {
    await drain();
    provider.setLimit(accounts.main, 0);
    const plan = await recovery({ "force-blocked": true }).plan();
    expect(plan.severe).toMatch(/still blocks twilio\/main;/);
    expect(plan.refusal).toBeUndefined();
    await recovery({ "force-blocked": true }).recover();
    expect([await level(main), await level(spare)]).toEqual([100, 50]);
  });

  it("asks again before it fills", async () => {
    await drain();
    const driven = recovery();
    const plan = await driven.plan();
    provider.setLimit(accounts.spare, 0);
    await tokenBuckets.execute(driven.context, plan, testRun());
    expect([await level(main), await level(spare)]).toEqual([100, 0]);
    expect(driven.warnings).toEqual([expect.stringMatching(/^twilio\/spare was left as it is: .+429/)]);
  });

  it("says so where nobody knows, and goes on", async () => {
    await drain();
    const away = `http://127.0.0.1:${await workspace.port()}`;
    const plan = await recovery({}, { url: away }).plan();
    expect(plan.steps).toHaveLength(2);
    expect(plan.risks.join("\n")).toMatch(
      /whether the provider blocks twilio\/main is not known: .+ECONNREFUSED/,
    );
  });

  it("asks few at a time and for a limited time; who was not asked is unknown", async () => {
    let requests = 0;
    const { port } = await startLoopbackHttp(workspace, "hangs", () => {
      requests += 1;
    });
    const { config } = recovery({}, { url: `http://127.0.0.1:${port}` }).context;
    const [one] = configuredAccounts(config.providers);
    if (one === undefined) throw new Error("there is no account");
    const many = Array.from({ length: 40 }, () => ({ ...one }));
    const known = await standings(config, many, 1_000);
    expect(requests).toBe(8);
    expect(known.map(({ account }) => account)).toEqual(many);
    expect(new Set(known.map(({ verdict }) => verdict))).toEqual(new Set(["unknown"]));
    expect(known.filter(({ reason }) => reason.startsWith("it was not asked"))).toHaveLength(32);
  });

  it("believes the workers that Prometheus knows", async () => {
    await drain();
    const page = ["w1", "w2", "w3"]
      .flatMap((worker, n) =>
        ["main", "spare"].map(
          (account) =>
            `redisops_provider_account_blocked{role="token_bucket",provider="twilio",account="${account}",worker="${worker}"} ${account === "main" && n > 0 ? 1 : 0}\n`,
        ),
      )
      .join("");
    const { port } = await startLoopbackHttp(workspace, "workers", (_request, response) =>
      response.end(page),
    );
    const prometheus = await startPrometheus(workspace, {
      scrapeInterval: "250ms",
      evaluationInterval: "1s",
      scrape: [{ job: "workers", targets: [`127.0.0.1:${port}`] }],
    });
    const sections = { prometheus: { url: prometheus.url } };
    await waitUntil(
      async () => (await recovery({}, { sections }).plan()).facts.some(({ label }) => label === "blocked"),
      { what: "Prometheus to have scraped the workers", deadlineMs: patience },
    );
    const plan = await recovery({}, { sections }).plan();
    expect(plan.facts.at(-1)?.value).toBe("twilio/main: 67 % of the workers keep away from it");
    expect(plan.steps).toEqual(["set twilio/spare to 50 tokens"]);
  });
});

describe("recover token-buckets --ramp", () => {
  it("grants what is lacking in equal parts, forgetting debts and times that lie ahead", async () => {
    await drain(-1_000_000, Date.now() + 3_600_000);
    const levels: number[] = [];
    const driven = recovery({ ramp: 1_000 });
    expect((await driven.plan()).steps[0]).toBe(
      "grant twilio/main the 100 tokens that it lacks of 100, evenly over 1.0 s, forgetting what it owes",
    );
    const run = testRun({ pace: async () => void levels.push(await level(main)) });
    expect(await driven.recover(run)).toMatchObject({ holds: true });
    levels.push(await level(main));
    expect(levels).toEqual([-1_000_000, 25, 50, 75, 100]);
    expect(await level(spare)).toBe(50);
    const now = await redis.time();
    expect(Number(await redis.hget(main, "updated_ms"))).toBeLessThanOrEqual(Number(now[0]) * 1000 + 1000);
  });

  it("leaves what workers take meanwhile taken, and lets no burst through", async () => {
    await drain();
    const shape = { capacity: 100, refillPerSecond: 0.001, reserve: 0 };
    const taken: number[] = [];
    let running = true;
    const driven = recovery({ ramp: 2_000 });
    const began = performance.now();
    const worker = (async () => {
      while (running) if ((await takeToken(redis, main, shape)) === 0) taken.push(performance.now() - began);
    })();
    await driven.recover();
    running = false;
    await worker;
    expect(taken.length + Math.floor(Number(await redis.hget(main, "tokens")))).toBeLessThanOrEqual(100);
    expect(taken.length).toBeGreaterThanOrEqual(85);
    // One grant of eight at a time: never more than that at once.
    const bursts = taken.filter((moment, n) => moment - (taken[n - 1] ?? -1_000) > 100).length;
    expect(bursts).toBeGreaterThanOrEqual(4);
  });

  it("goes on where it was killed, and gives nothing a second time", async () => {
    await drain();
    const saved: Saved = new Map([["ramp", { made: 6, lacking: { "twilio/main": 80, "twilio/spare": 0 } }]]);
    const driven = recovery({ ramp: 2_000 });
    const plan = await driven.plan();
    await tokenBuckets.execute(driven.context, plan, testRun({ saved }));
    expect([await level(main), await level(spare)]).toEqual([20, 0]);
    const full = recovery();
    const filled: Saved = new Map([["filled", ["twilio/main"]]]);
    await tokenBuckets.execute(full.context, await full.plan(), testRun({ saved: filled }));
    expect([await level(main), await level(spare)]).toEqual([20, 50]);
  });

  it("leaves a bucket that refills as usual when it is interrupted", async () => {
    await drain();
    const stop = new AbortController();
    const driven = recovery({ ramp: 60_000 }, { perSecond: 1000, signal: stop.signal });
    // A bucket that gains as much as this is full before the plan is made: it owes.
    await drain(-1_000_000);
    const plan = await driven.plan();
    const reason = new Error("stopped");
    const run = testRun();
    const outcome = tokenBuckets.execute(driven.context, plan, run);
    await waitUntil(() => driven.progress.length > 0, { what: "the first grant", deadlineMs: patience });
    stop.abort(reason);
    await expect(outcome).rejects.toBe(reason);
    await waitUntil(
      async () => (await takeToken(redis, main, { capacity: 100, refillPerSecond: 1000, reserve: 98 })) === 0,
      { what: "the bucket to have refilled", deadlineMs: patience },
    );
  });

  it("takes no ramp that is none", async () => {
    for (const ramp of [0, 48 * 3_600_000]) {
      await expect(recovery({ ramp }).plan()).rejects.toMatchObject({ code: "USAGE" });
    }
  });
});
