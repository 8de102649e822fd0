import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { long } from "../fixtures/long.ts";
import { frozen, patience } from "../fixtures/processes.ts";

const password = "s3cret-of-the-primary";

let workspace: Workspace;
let primary: RedisServer;
let replica: RedisServer;
let sentinels: Sentinels;

beforeEach(async () => {
  workspace = await createWorkspace("test");
  const config = [`requirepass ${password}`, `masterauth ${password}`];
  primary = await startRedis(workspace, { name: "primary", config });
  await withPassword(primary, (client) => client.set("before", "the replica"));
  replica = await startReplica(workspace, primary, { name: "replica", password });
  sentinels = await startSentinels(workspace, {
    name: "sentinel",
    primary,
    primaryName: "mine",
    downAfterMs: 1000,
    password,
  });
});

afterEach(() => workspace.close());

const withPassword = <T>(server: RedisServer, work: Parameters<typeof withRedis<T>>[1]) =>
  withRedis(server.port, work, { password });

const roleOf = (server: RedisServer) =>
  withPassword(server, async (client) => /role:(\w+)/.exec(await client.info("replication"))?.[1]);

describe("Sentinels of the lab", { timeout: 2 * patience }, () => {
  it("know one another, the primary and a replica that has its data", async () => {
    expect(await withPassword(replica, (client) => client.get("before"))).toBe("the replica");
    for (const { port } of sentinels.servers) {
      const [others, replicas] = await withRedis(port, (client) =>
        Promise.all([
          client.call("SENTINEL", "SENTINELS", "mine") as Promise<string[][]>,
          client.call("SENTINEL", "REPLICAS", "mine") as Promise<string[][]>,
        ]),
      );
      expect(others.length).toBe(2);
      expect(replicas.map((fields) => fields[fields.indexOf("port") + 1])).toEqual([String(replica.port)]);
      expect(await withRedis(port, (client) => client.call("SENTINEL", "CKQUORUM", "mine"))).toMatch(
        /^OK 3 /,
      );
    }
    expect(await sentinels.primaryAddress()).toEqual({ host: "127.0.0.1", port: primary.port });
    for (const { pid } of process.platform === "linux" ? sentinels.servers : []) {
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain("s3cret");
    }
  });

  // alerts-failover orders one as well.
  if (long) {
    it("make the replica the primary when told to, and back", async () => {
      expect(await sentinels.failover()).toEqual({ host: "127.0.0.1", port: replica.port });
      expect(await roleOf(replica)).toBe("master");
      await waitUntil(async () => (await roleOf(primary)) === "slave", {
        what: "the old primary to follow the new one",
        deadlineMs: patience,
      });
      expect(await sentinels.failover()).toEqual({ host: "127.0.0.1", port: primary.port });
    });
  }

  it("fail over when the primary is killed, with one Sentinel hanging; the old primary then follows", async () => {
    const [hanging] = sentinels.servers;
    hanging?.pause();
    await frozen([hanging?.pid ?? 0]);
    await primary.kill();
    await waitUntil(async () => (await sentinels.primaryAddress()).port === replica.port, {
      what: "the Sentinels to name the replica",
      deadlineMs: patience,
    });
    hanging?.resume();
    await primary.restart({ empty: true });
    await waitUntil(
      async () => (await withPassword(primary, (client) => client.get("before"))) === "the replica",
      { what: "the old primary to have the data again", deadlineMs: patience },
    );
    expect(await roleOf(primary)).toBe("slave");
  });

  it("keep what they know over a restart", async () => {
    await sentinels.failover();
    for (const server of sentinels.servers) await server.restart({ empty: false });
    expect((await sentinels.primaryAddress()).port).toBe(replica.port);
  });
});
