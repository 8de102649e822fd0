import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { eventsOf, readJournals, wholeRun } from "../fixtures/journal.ts";
import { type Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";

const password = randomBytes(12).toString("hex");
const secret = "${TEST_PASSWORD}";

/** Two that stay drained, and one with the default burst whose bucket refills by itself within a moment. */
const providers = {
  twilio: {
    kind: "twilio",
    probe: false,
    accounts: {
      main: { limit_per_second: 0.001, burst: 100, account_sid: "AC1", auth_token: secret },
      spare: { limit_per_second: 0.002, burst: 50, account_sid: "AC2", auth_token: secret },
    },
  },
  sendgrid: {
    kind: "sendgrid",
    probe: false,
    accounts: { fast: { limit_per_second: 1_000_000, api_key: secret } },
  },
};
const buckets = ["bucket:sendgrid:fast", "bucket:twilio:main", "bucket:twilio:spare"];

let workspace: Workspace;
let folder: string;
let configs = 0;

beforeAll(async () => {
  workspace = await createWorkspace("token-buckets");
  folder = await workspace.folder("redisops");
});
afterAll(() => workspace?.close());

async function recover(
  role: Readonly<Record<string, unknown>> | undefined,
  words: readonly string[],
  sections: Readonly<Record<string, unknown>> = {},
): Promise<Outcome> {
  const path = join(folder, `redisops-${++configs}.yaml`);
  const roles = role === undefined ? {} : { token_bucket: role };
  await writeFile(
    path,
    stringify({ platform: "test", roles, providers, state_dir: join(folder, "state"), ...sections }),
  );
  const env = { PATH: process.env.PATH, HOME: folder, TEST_PASSWORD: password };
  return new RedisopsChild(["recover", "token-buckets", "--config", path, ...words], env).outcome;
}

describe.each(["standalone", "cluster"] as const)("redisops recover token-buckets on %s", (topology) => {
  let role: Readonly<Record<string, unknown>>;
  let client: Redis | Cluster;
  let server: RedisServer | undefined;

  beforeAll(async () => {
    if (topology === "standalone") {
      server = await startRedis(workspace, { name: "buckets", config: [`requirepass ${password}`] });
      client = new Redis({ port: server.port, password, protocol: 2 });
      role = { topology, address: `127.0.0.1:${server.port}`, password: secret };
    } else {
      const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
      client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
      role = { topology, nodes: [`127.0.0.1:${nodes[0]?.port}`] };
    }
  });
  afterAll(() => client?.disconnect());

  async function now(): Promise<number> {
    const [seconds = 0, microseconds = 0] = server === undefined ? [Date.now() / 1000] : await client.time();
    return Number(seconds) * 1000 + Number(microseconds) / 1000;
  }

  /** Sets every bucket to so many tokens, as of a minute ago. */
  async function drain(tokens: number): Promise<void> {
    const updated = Math.floor((await now()) - 60_000);
    for (const key of buckets) await client.hset(key, { tokens, updated_ms: updated });
  }

  const read = () => Promise.all(buckets.map((key) => client.hgetall(key)));

  it("plans what it would fill, names the risk of a burst and changes nothing", async () => {
    await drain(0);
    await client.del("bucket:twilio:spare");
    const before = await read();
    const { code, stdout, stderr } = await recover(role, []);
    expect(stderr).toBe("");
    expect(code).toBe(2);
    expect(stdout).toMatch(/twilio\/main +0\.1 of 100 tokens/);
    expect(stdout).toMatch(/twilio\/spare +missing, which counts as full/);
    expect(stdout).toMatch(/sendgrid\/fast +1,000,000 of 1,000,000 tokens/);
    expect(stdout).toMatch(/Steps\n {2}1\. set twilio\/main to 100 tokens\nRisks/);
    expect(stdout).toMatch(/a full bucket lets one burst through at once.+429s/);
    expect(stdout.trimEnd()).toMatch(
      /Nothing was changed\. To carry it out: redisops recover token-buckets --execute --config \S+$/,
    );
    expect(await read()).toEqual(before);
    const json = await recover(role, ["--json"]);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ recovery: "token-buckets", status: "planned" });
    expect(await read()).toEqual(before);
  });

  it("fills drained buckets, in Redis's time, and verifies it", async () => {
    await drain(0);
    const started = await now();
    const { code, stdout, stderr } = await recover(role, ["--execute"]);
    expect(stderr).toMatch(/^warning: others cannot see this run.*: .+\n$/);
    expect(stdout).toContain("Verification holds");
    expect(code).toBe(0);
    const full = await Promise.all(buckets.map((key) => client.hmget(key, "tokens", "updated_ms")));
    expect(full.map(([tokens]) => Number(tokens))).toEqual([0, 100, 50]);
    for (const [, updated] of full.slice(1)) {
      expect(Number(updated)).toBeGreaterThanOrEqual(Math.floor(started));
      expect(Number(updated)).toBeLessThanOrEqual(await now());
    }
    const journal = readJournals(join(folder, "state")).at(-1) ?? [];
    const steps = eventsOf(journal).filter((event) => event !== "checkpoint");
    expect(steps).toEqual(wholeRun("fill twilio/main", "fill twilio/spare"));
  });

  it("has nothing to do where all are full", async () => {
    await recover(role, ["--execute"]);
    const before = await read();
    const { code, stdout } = await recover(role, ["--execute"]);
    expect(stdout).toMatch(/twilio\/main +100 of 100 tokens/);
    expect(stdout.trimEnd()).toMatch(/Nothing to do\.$/);
    expect(code).toBe(0);
    expect(await read()).toEqual(before);
  });

  it("has nothing to do where there is no bucket, as a missing one is full", async () => {
    for (const key of buckets) await client.del(key);
    const { code, stdout } = await recover(role, ["--execute"]);
    expect(stdout.trimEnd()).toMatch(/Nothing to do\.$/);
    expect(code).toBe(0);
    expect(await read()).toEqual([{}, {}, {}]);
  });

  it("says which key holds something else", async () => {
    for (const key of buckets) await client.del(key);
    await client.set("bucket:twilio:main", "not a bucket");
    const { code, stderr } = await recover(role, ["--execute"]);
    expect(stderr).toMatch(/^error REDIS_ERROR {2}token_bucket Redis .+WRONGTYPE.+\n {2}next: .+\n$/);
    expect(code).toBe(1);
    await client.del("bucket:twilio:main");
  });
});

describe("redisops recover token-buckets refuses", () => {
  it.each([
    { name: "a platform without the role", role: undefined, sections: {}, message: /no roles\.token_bucket/ },
    {
      name: "a platform without providers",
      role: { topology: "standalone", address: "127.0.0.1:1" },
      sections: { providers: {} },
      message: /no provider accounts/,
    },
  ])("$name", async ({ role, sections, message }) => {
    for (const words of [[], ["--execute"]]) {
      const { code, stderr } = await recover(role, words, sections);
      expect(stderr).toMatch(/^error CONFIG_INCOMPLETE {2}/);
      expect(stderr).toMatch(message);
      expect(code).toBe(64);
    }
  });

  it("a Redis at whose address nothing listens", async () => {
    const address = `127.0.0.1:${await workspace.port()}`;
    for (const role of [
      { topology: "standalone", address },
      { topology: "cluster", nodes: [address] },
    ]) {
      const { code, stderr } = await recover(role, ["--execute"]);
      expect(stderr).toMatch(/^error REDIS_REFUSED {2}token_bucket Redis .+\n {2}next: .+\n$/);
      expect(code).toBe(1);
    }
  });
});
