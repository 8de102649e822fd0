import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StatusRow } from "../../exporters/status.ts";
import { startLoopbackHttp } from "../../lab/servers/loopback-http.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type SmallPlatform, startSmallPlatform } from "./small-platform.ts";

let platform: SmallPlatform;
let config: string;

beforeAll(async () => {
  platform = await startSmallPlatform();
  // Generous to a busy machine; what hangs is waited for this long.
  config = await platform.configure({ exporter: { probe_timeout: "4s" } });
}, patience);

afterAll(async () => {
  await platform?.close();
});

interface StatusDocument {
  readonly platform: string;
  readonly healthy: boolean;
  readonly roles: readonly (StatusRow & {
    readonly modes: readonly { readonly id: string; readonly runbook: string }[];
  })[];
}

async function asJson(words: readonly string[] = [], path = config) {
  const { code, stdout, stderr } = await platform.run(["status", "--json", "--config", path, ...words]);
  const document = JSON.parse(stdout) as StatusDocument;
  const row = (target: string) =>
    document.roles.find((each) => each.role === target || each.target === target);
  return { code, stderr, document, row };
}

/** The lines of the table, each as its cells. */
async function table(words: readonly string[] = [], path = config) {
  const { code, stdout, stderr } = await platform.run(["status", "--config", path, ...words]);
  const [head = "", ...lines] = (stdout.split("\n\n")[0] ?? "").split("\n");
  const starts = [...head.matchAll(/\S+/g)].map(({ index }) => index);
  const cells = (line: string) => starts.map((start, index) => line.slice(start, starts[index + 1]).trim());
  return { code, stderr, stdout, head: cells(head), rows: lines.map(cells) };
}

describe("redisops status on a healthy platform", { timeout: patience }, () => {
  test("shows a row for each role and each account, and exits 0", async () => {
    const { code, stderr, head, rows, stdout } = await table();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(head).toEqual(["ROLE", "TARGET", "STATE", "MODE", "SINCE", "COMMAND"]);
    const { registry, dedup, token_bucket } = platform.redis;
    expect(rows).toEqual([
      ["registry", `127.0.0.1:${registry.port}`, "ok", "-", "-", "-"],
      ["dedup", `127.0.0.1:${dedup.port}`, "ok", "-", "-", "-"],
      ["token_bucket", `127.0.0.1:${token_bucket.port}`, "ok", "-", "-", "-"],
      ["token_bucket", "twilio/main", "ok", "-", "-", "-"],
      ["postgres", `postgres at 127.0.0.1:${platform.postgres.port}`, "ok", "-", "-", "-"],
    ]);
    expect(stdout).toMatch(
      /\n\nregistry {2}127\.0\.0\.1:\d+\n {2}answers in .*; pending depth 40; oldest waits 2 h/,
    );
    expect(stdout).toContain("known-sent ids absent 0.0 % of 200;");
    expect(stdout).toMatch(/\n {2}tokens 1,000 of 1,000; answers in [\d.]+ ms; 1 under way there\n/);
    expect(stdout).toMatch(/\n {2}answers in [\d.]+ ms; connections \d+ of 97; active \d+/);
  });

  test("with --json is one document that says the same", async () => {
    const { code, stderr, document } = await asJson();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(document).toMatchObject({ platform: "small", healthy: true });
    expect(document.roles.map(({ role, state, errors }) => [role, state, errors])).toEqual(
      ["registry", "dedup", "token_bucket", "token_bucket", "postgres"].map((role) => [role, "ok", []]),
    );
  });

  test("shows one role only when asked to, and nothing for a role that is not configured", async () => {
    expect((await table(["--role", "token_bucket"])).rows.map(([, target]) => target)).toEqual([
      `127.0.0.1:${platform.redis.token_bucket.port}`,
      "twilio/main",
    ]);
    const { document } = await asJson(["--role", "postgres"]);
    expect(document.roles.map(({ role }) => role)).toEqual(["postgres"]);
  });

  test("fits a terminal of 120 columns", async () => {
    const { stdout } = await table();
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
  });
});

describe("redisops status on a platform in trouble", { timeout: patience }, () => {
  test("tells a killed Redis, its mode and what to do, and exits 1", async () => {
    const { dedup } = platform.redis;
    await dedup.kill();
    const { code, rows, stdout } = await table();
    expect(code).toBe(1);
    expect(rows[1]).toEqual([
      "dedup",
      `127.0.0.1:${dedup.port}`,
      "refused",
      "DedupSkipped",
      "-",
      "(see below)",
    ]);
    expect(rows.filter(([, , state]) => state === "ok")).toHaveLength(4);
    const [, paragraph] = /\n\n(dedup .*?)\n\n/s.exec(stdout) ?? [];
    expect(paragraph?.split("\n").slice(1)).toEqual([
      "  DedupSkipped: Deduplication filter unusable",
      expect.stringMatching(/^ {4}do: Start, fail over or mend the filter’s Redis\./),
      "    meanwhile is in no filter.",
      "    runbook: https://github.com/redisops/redisops/blob/main/runbooks/DedupSkipped.md",
      "  RedisDown: Redis of a role is gone: connections are refused, or it cannot be reached",
      expect.stringMatching(/^ {4}do: Start the server with its own data directory/),
      "    runbook page: some roles come back cold and need a recovery.",
      "    runbook: https://github.com/redisops/redisops/blob/main/runbooks/RedisDown.md",
      `  REDIS_REFUSED: dedup Redis at 127.0.0.1:${dedup.port} refused the connection`,
      "    next: Start the server, or correct the address in redisops.yaml.",
    ]);
    expect((await asJson()).document.healthy).toBe(false);
    expect((await asJson(["--role", "registry"])).code).toBe(0);
  });

  test("tells a Redis that came back empty, with the command that mends it", async () => {
    await platform.redis.dedup.restart({ empty: true });
    const { code, rows, stdout } = await table(["--role", "dedup"]);
    expect(code).toBe(1);
    expect(rows[0]?.slice(2)).toEqual(["degraded", "BloomCold", "-", "redisops recover bloom"]);
    expect(stdout).toContain("known-sent ids absent 100.0 % of 200");
    expect(stdout).toContain(`\n    run: redisops recover bloom --config ${config}\n`);
    // The configuration that every command takes by itself needs no flag.
    const usual = await platform.run(["status", "--role", "dedup"], { REDISOPS_CONFIG: config });
    expect(usual.stdout).toContain("\n    run: redisops recover bloom\n");
    await platform.fillFilter();
    expect((await table(["--role", "dedup"])).code).toBe(0);
  });

  test("tells a Redis that hangs from one that is gone", async () => {
    const { token_bucket } = platform.redis;
    token_bucket.pause();
    await frozen([token_bucket.pid]);
    try {
      const { code, row } = await asJson();
      expect(code).toBe(1);
      expect(row("token_bucket")).toMatchObject({
        state: "timeout",
        modes: [
          { id: "TokenBucketsDown", instead: expect.stringContaining("Start or fail over") },
          { id: "RedisHung" },
        ],
        errors: [{ code: "REDIS_TIMEOUT" }],
      });
      expect(row("registry")?.state).toBe("ok");
    } finally {
      token_bucket.resume();
    }
  });

  test("tells a throttled account", async () => {
    platform.throttle(true);
    try {
      const { code, row } = await asJson();
      expect(code).toBe(1);
      expect(row("twilio/main")).toMatchObject({
        state: "degraded",
        modes: [{ id: "ProviderThrottled", runbook: expect.stringMatching(/\/ProviderThrottled\.md$/) }],
        observed: [
          "tokens 1,000 of 1,000",
          "throttled (429), asks to wait 1 s",
          expect.stringMatching(/^answers in [\d.]+ ms$/),
          "1 under way there",
        ],
      });
    } finally {
      platform.throttle(false);
    }
  });
});

describe("since when, from Prometheus", { timeout: patience }, () => {
  const cold = (activeAt: Date) => ({
    labels: { alertname: "BloomCold", role: "dedup", severity: "page" },
    annotations: {},
    state: "firing",
    activeAt: activeAt.toISOString(),
    value: "1e+00",
  });

  /** redisops.yaml with a Prometheus that gives this answer to the question for alerts. */
  async function withPrometheus(answer: string): Promise<string> {
    const { url } = await startLoopbackHttp(platform.workspace, "prometheus", (request, response) => {
      response.writeHead(request.url === "/prefix/api/v1/alerts" ? 200 : 404).end(answer);
    });
    return platform.configure({ prometheus: { url: `${url}/prefix` } });
  }

  test("is shown for the mode whose alert is active", async () => {
    const since = new Date(Date.now() - 7_500_000);
    const path = await withPrometheus(JSON.stringify({ status: "success", data: { alerts: [cold(since)] } }));
    await platform.redis.dedup.restart({ empty: true });
    try {
      expect((await table(["--role", "dedup"], path)).rows[0]?.slice(3, 5)).toEqual([
        "BloomCold",
        "2 h 5 min",
      ]);
      expect((await asJson(["--role", "dedup"], path)).row("dedup")?.modes[0]?.since).toBe(
        since.toISOString(),
      );
    } finally {
      await platform.fillFilter();
    }
  });

  test.each([
    ["is away", undefined, /connect ECONNREFUSED 127\.0\.0\.1:\d+; since when/],
    ["answers with something else", "<html>", /the answer is not that of Prometheus; since when/],
    ["answers with other JSON", '{"status":"error"}', /the answer is not that of Prometheus; since when/],
  ])("is a warning where Prometheus %s, and the table is shown all the same", async (_, answer, warning) => {
    const path =
      answer === undefined
        ? await platform.configure({
            prometheus: { url: `http://127.0.0.1:${await platform.workspace.port()}` },
          })
        : await withPrometheus(answer);
    const { code, stderr, rows } = await table([], path);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: Prometheus at http:\/\/127\.0\.0\.1:\d+/);
    expect(stderr).toMatch(warning);
    expect(stderr.split("\n")).toHaveLength(2);
    expect(rows).toHaveLength(5);
  });
});
