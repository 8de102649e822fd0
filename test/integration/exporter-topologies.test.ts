import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formCluster } from "../../lab/servers/cluster-form.ts";
import { startClusterNode } from "../../lab/servers/cluster-node.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startSentinel } from "../../lab/servers/sentinel.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import { expectRecovery, expectVerdict } from "./exporter-verdict.ts";

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("exporter");
});

afterEach(async () => {
  await workspace.close();
});

const at = (port: number) => `127.0.0.1:${port}`;
const cluster = (...ports: number[]) => ({ topology: "cluster", nodes: ports.map(at) });

describe("a Redis Cluster role", { timeout: patience }, () => {
  it("is cluster_down while nobody serves the slots, and up when they are served", async () => {
    const node = await startClusterNode(workspace, { name: "node" });
    const exporter = await startExporter(workspace, {
      roles: { registry: cluster(node.port) },
      exporter: { probe_timeout: "1s" },
    });
    const down = {
      role: "registry",
      errorClass: "cluster_down",
      code: "REDIS_CLUSTER_DOWN",
      says: [at(node.port), "slot"],
    } as const;
    await expectVerdict(exporter, down);

    await withRedis(node.port, (client) => client.call("CLUSTER", "ADDSLOTSRANGE", 0, 8000));
    await expectVerdict(exporter, down);

    await withRedis(node.port, (client) => client.call("CLUSTER", "ADDSLOTSRANGE", 8001, 16383));
    await expectRecovery(exporter, "registry");
  });

  it("is up on three nodes, also when one of those that are asked first hangs or is gone", async () => {
    const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    const spare = await startRedis(workspace, { name: "spare" });
    const gone = await workspace.port();
    const ports = nodes.map(({ port }) => port);
    const exporter = await startExporter(workspace, {
      roles: { registry: cluster(spare.port, gone, ...ports) },
    });
    await expectRecovery(exporter, "registry");
    spare.pause();
    await frozen([spare.pid]);
    const page = await exporter.scrape();
    expect(page.verdict("registry")).toBe("up");
  });

  it("is refused when all nodes are gone, and a timeout when all hang", async () => {
    const nodes = await Promise.all(["a", "b"].map((name) => startClusterNode(workspace, { name })));
    const exporter = await startExporter(workspace, {
      roles: { registry: cluster(...nodes.map(({ port }) => port)) },
    });
    for (const node of nodes) node.pause();
    await frozen(nodes.map(({ pid }) => pid));
    expect((await exporter.scrape(1)).verdict("registry")).toBe("timeout");
    for (const node of nodes) await node.kill();
    await expectVerdict(exporter, {
      role: "registry",
      errorClass: "refused",
      code: "REDIS_REFUSED",
      says: nodes.map(({ port }) => at(port)),
    });
  });

  it("is up without one shard, and says which one is refused and what share of the keys went with it", async () => {
    const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    for (const node of nodes) {
      await withRedis(node.port, (client) => client.config("SET", "cluster-node-timeout", 600_000));
    }
    await nodes[1]?.server.kill();
    const exporter = await startExporter(workspace, {
      roles: { registry: cluster(...nodes.map(({ port }) => port)) },
    });
    const page = await exporter.scrape();
    expect(page.verdict("registry")).toBe("up");
    expect(page.value("redisops_probe_success", { probe: "redis" })).toBe(0);
    const up = page.all("redisops_shard_up").map(({ labels, value }) => [labels.shard, value]);
    expect(up.sort()).toEqual([
      ["0", 1],
      ["1", 0],
      ["2", 1],
    ]);
    const failures = page.all("redisops_shard_failure").filter(({ value }) => value !== 0);
    expect(failures.map(({ labels }) => labels)).toEqual([
      { role: "registry", shard: "1", error_class: "refused" },
    ]);
    expect(page.value("redisops_role_key_space_available_ratio")).toBeCloseTo(2 / 3, 3);
  });

  it("is up for a user who may only write the probe’s key and look up nodes, without connecting again and again", async () => {
    const secret = "password-of-the-acl-user";
    const node = await startClusterNode(workspace, { name: "node" });
    await formCluster([[node]]);
    await withRedis(node.port, (client) =>
      client.call(
        "ACL",
        "SETUSER",
        "probing",
        "on",
        `>${secret}`,
        "-@all",
        "%R~*",
        "~redisops:*",
        "+set",
        "+cluster|nodes",
      ),
    );
    const exporter = await startExporter(workspace, {
      roles: {
        registry: {
          ...cluster(node.port),
          username: "probing",
          password: await secretFile(workspace, secret),
        },
      },
    });
    const received = () =>
      withRedis(node.port, async (client) =>
        Number(/total_connections_received:(\d+)/.exec(await client.info("STATS"))?.[1]),
      );
    const before = await received();
    for (let scrape = 0; scrape < 10; scrape++) {
      expect((await exporter.scrape()).verdict("registry")).toBe("up");
    }
    expect(Math.floor(((await received()) - before) / 10)).toBe(1);
  });

  it("is auth when the password is wrong, and says so when the server is no cluster", async () => {
    const secret = "password-of-the-cluster";
    const locked = await startRedis(workspace, { name: "locked", config: ["requirepass another"] });
    const plain = await startRedis(workspace, { name: "plain" });
    const password = await secretFile(workspace, secret);
    const exporter = await startExporter(workspace, {
      roles: { registry: { ...cluster(locked.port), password }, sequence: cluster(plain.port) },
    });
    await expectVerdict(exporter, {
      role: "registry",
      errorClass: "auth",
      code: "REDIS_AUTH",
      says: [at(locked.port), "WRONGPASS"],
      secrets: [secret],
    });
    await expectVerdict(exporter, {
      role: "sequence",
      errorClass: "other",
      code: "REDIS_ERROR",
      says: [at(plain.port), "cluster support disabled"],
    });
  });
});

describe("a Redis role behind Sentinels", { timeout: patience }, () => {
  async function platform() {
    const primary = await startRedis(workspace, { name: "primary" });
    const options = { name: "sentinel", primary, primaryName: "sent" };
    const sentinels = [await startSentinel(workspace, options), await startSentinel(workspace, options)];
    const role = (name: string) => ({
      topology: "sentinel",
      sentinels: sentinels.map(({ port }) => at(port)),
      primary: name,
    });
    return { primary, sentinels, role };
  }

  it("is up as long as one Sentinel answers, and refused or a timeout without them", async () => {
    const { sentinels, role } = await platform();
    const [first, second] = sentinels;
    const exporter = await startExporter(workspace, { roles: { rate_limit: role("sent") } });
    await expectRecovery(exporter, "rate_limit");

    first?.pause();
    await frozen([first?.pid ?? 0]);
    expect((await exporter.scrape()).verdict("rate_limit")).toBe("up");
    second?.pause();
    await frozen([second?.pid ?? 0]);
    expect((await exporter.scrape(1)).verdict("rate_limit")).toBe("timeout");
    second?.resume();
    await first?.kill();
    await expectRecovery(exporter, "rate_limit");

    await second?.kill();
    await expectVerdict(exporter, {
      role: "rate_limit",
      errorClass: "refused",
      code: "REDIS_REFUSED",
      says: sentinels.map(({ port }) => at(port)),
    });
  });

  it("is refused when the primary is gone, and names the primary's address", async () => {
    const { primary, role } = await platform();
    const exporter = await startExporter(workspace, { roles: { rate_limit: role("sent") } });
    await primary.kill();
    await expectVerdict(exporter, {
      role: "rate_limit",
      errorClass: "refused",
      code: "REDIS_REFUSED",
      says: [at(primary.port), "primary sent"],
    });
    await primary.restart({ empty: true });
    await expectRecovery(exporter, "rate_limit");
  });

  it("says that the Sentinels do not know the primary's name", async () => {
    const { sentinels, role } = await platform();
    await sentinels[0]?.kill();
    const exporter = await startExporter(workspace, { roles: { rate_limit: role("misspelled") } });
    await expectVerdict(exporter, {
      role: "rate_limit",
      errorClass: "other",
      code: "REDIS_ERROR",
      says: ["misspelled", "know no primary of that name"],
    });
  });
});
