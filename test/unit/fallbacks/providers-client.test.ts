import { Registry } from "prom-client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProviderClient, type ProviderOptions } from "../../../fallbacks/providers/provider-client.ts";

const open: ProviderClient[] = [];

afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

/** A client whose Redis refuses every connection: what is tested here must hold without it. */
function clientOf(accounts: readonly string[], options: Partial<ProviderOptions> = {}) {
  const metrics = new Registry();
  const client = new ProviderClient(
    { topology: "standalone", address: "127.0.0.1:1" },
    {
      provider: "provider",
      accounts: accounts.map((name) => ({ name, limitPerSecond: 1_000 })),
      metrics,
      ...options,
    },
  );
  open.push(client);
  return { client, metrics };
}

const answer = (status: number, headers: Record<string, string> = {}) => ({ status, headers });
const normal = { priority: "normal" } as const;
const critical = { priority: "critical" } as const;

describe("a notification", () => {
  it("goes to the next account after a 429, and so do the following ones", async () => {
    const { client } = clientOf(["one", "two"]);
    const asked: string[] = [];
    const attempt = async (account: string) => {
      asked.push(account);
      return account === "one" ? answer(429, { "Retry-After": "60" }) : answer(201);
    };
    for (let n = 0; n < 20; n += 1) {
      expect(await client.send(normal, attempt)).toEqual({ outcome: "sent", account: "two", status: 201 });
    }
    expect(asked.filter((account) => account === "one")).toHaveLength(1);
  });

  it("is spread over the accounts", async () => {
    const { client } = clientOf(["one", "two", "three"]);
    const asked = { one: 0, two: 0, three: 0 };
    await Promise.all(
      Array.from({ length: 30 }, () =>
        client.send(normal, async (account) => {
          asked[account as keyof typeof asked] += 1;
          return answer(201);
        }),
      ),
    );
    expect(asked).toEqual({ one: 10, two: 10, three: 10 });
  });

  it.each([
    ["a server error", 500, ["one", "two"]],
    ["rejected credentials", 401, ["one", "two"]],
    ["a rejected notification", 400, ["one"]],
  ])("that meets %s tries the accounts that may do better", async (_what, status, accounts) => {
    const { client } = clientOf(["one", "two"]);
    const asked: string[] = [];
    const result = await client.send(normal, async (account) => {
      asked.push(account);
      return answer(status);
    });
    expect(asked).toEqual(accounts);
    expect(result).toEqual({ outcome: "failed", account: accounts.at(-1), status });
  });

  it("is failed when the provider gives no answer, also when the attempt does not heed its signal", async () => {
    const { client } = clientOf(["one", "two"], { attemptDeadlineMs: 20 });
    const signals: AbortSignal[] = [];
    const result = await client.send(normal, (_account, signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    expect(result).toMatchObject({ outcome: "failed", error: { code: "PROVIDER_UNAVAILABLE" } });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it("that may have been taken is not called shed when the other account has no room", async () => {
    const { client } = clientOf(["one", "two"]);
    const result = await client.send(normal, async (account) => {
      if (account === "one") throw new Error("connection reset");
      return answer(429);
    });
    expect(result).toMatchObject({
      outcome: "failed",
      account: "one",
      error: { message: "connection reset" },
    });
  });

  it("is not sent into an outage of the provider", async () => {
    const { client, metrics } = clientOf(["one"]);
    let asked = 0;
    const attempt = async () => {
      asked += 1;
      return answer(503);
    };
    for (let n = 0; n < 50; n += 1) await client.send(normal, attempt);
    expect(asked).toBe(5);
    expect(await client.send(normal, attempt)).toMatchObject({ outcome: "shed", reason: "blocked" });
    const page = await metrics.metrics();
    expect(page).toContain(
      'redisops_provider_account_blocked{account="one",provider="provider",role="token_bucket"} 1',
    );
  });
});

describe("when all accounts are blocked", () => {
  const blocked = async () => answer(429, { "Retry-After": "60" });

  it("sheds with the time after which it may work", async () => {
    const { client } = clientOf(["one", "two"]);
    const result = await client.send(normal, blocked);
    expect(result).toMatchObject({ outcome: "shed", reason: "blocked" });
    expect((result as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(59_000);
    expect((result as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(75_000);
  });

  it("lets critical ones wait, in bounded number and time, and nothing pass them", async () => {
    const { client, metrics } = clientOf(["one"], { maxWaiting: 3, maxWaitMs: 300 });
    await client.send(normal, blocked);
    const settled: number[] = [];
    const waiting = Array.from({ length: 5 }, (_, n) =>
      client.send(critical, blocked).then((result) => {
        settled.push(n);
        return result.outcome;
      }),
    );
    await vi.waitFor(() => expect(settled).toEqual([3, 4]));
    expect(await client.send({ priority: "high" }, blocked)).toMatchObject({ outcome: "shed" });
    expect(await Promise.all(waiting)).toEqual(new Array(5).fill("shed"));
    const page = await metrics.metrics();
    const shed = (priority: string, count: number) =>
      expect(page).toContain(
        `redisops_notifications_shed_total{priority="${priority}",provider="provider",role="token_bucket"} ${count}`,
      );
    shed("critical", 5);
    shed("high", 1);
    shed("normal", 1);
    shed("bulk", 0);
  });

  it("sends those that wait as soon as an account frees up, each once", async () => {
    const { client } = clientOf(["one"], { maxWaitMs: 30_000 });
    await client.send(normal, async () => answer(429, { "Retry-After": "1" }));
    const sent: number[] = [];
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        client.send(critical, async () => {
          sent.push(n);
          return answer(201);
        }),
      ),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(new Array(20).fill("sent"));
    expect(sent).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it("sends those away that wait when it is closed", async () => {
    const { client } = clientOf(["one"], { maxWaitMs: 30_000 });
    await client.send(normal, blocked);
    const waiting = client.send(critical, blocked);
    client.close();
    expect(await waiting).toMatchObject({ outcome: "shed" });
  });
});

describe("a provider’s accounts", () => {
  it.each([
    ["no account", []],
    [
      "two of one name",
      [
        { name: "one", limitPerSecond: 1 },
        { name: "one", limitPerSecond: 2 },
      ],
    ],
    ["a limit of 0", [{ name: "one", limitPerSecond: 0 }]],
    ["a limit that is no number", [{ name: "one", limitPerSecond: Number.NaN }]],
    ["a burst of 0", [{ name: "one", limitPerSecond: 1, burst: 0 }]],
  ])("are refused with %s", (_what, accounts) => {
    expect(() => clientOf([], { accounts })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
