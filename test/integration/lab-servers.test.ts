import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { ServerStartError } from "../../lab/process.ts";
import { descendants, isAlive } from "../../lab/process-tree.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, gone, patience } from "../fixtures/processes.ts";

const onLinux = process.platform === "linux";

let workspace: Workspace;

afterEach(async () => {
  await workspace.close();
});

/** A client that fails with the connection's own error, at once, instead of retrying. */
async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null });
  let reported: Error | undefined;
  client.on("error", (error: Error) => {
    reported ??= error;
  });
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw reported ?? error;
  } finally {
    client.disconnect();
  }
}

/** Resolves once a TCP connection to the port is there, which a frozen server's kernel still accepts. */
async function connects(port: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  socket.destroy();
}

async function postgresClient({ port, user, password }: PostgresServer): Promise<Client> {
  // Not by URL: its missing password would win over the one given beside it.
  const client = new Client({ host: "127.0.0.1", port, user, password, database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

describe("a Redis server of the lab", { timeout: patience }, () => {
  let redis: RedisServer;
  const start = async (config: readonly string[] = []): Promise<void> => {
    workspace = await createWorkspace("test");
    redis = await startRedis(workspace, { name: "redis", config });
  };

  it("answers on 127.0.0.1 and nowhere else", async () => {
    await start();
    const bound = await withClient(redis.url, (client) => client.config("GET", "bind"));
    expect(bound).toEqual(["bind", "127.0.0.1"]);
  });

  it("refuses connections once killed and comes back empty on the same port", async () => {
    await start();
    const pid = redis.pid;
    await withClient(redis.url, (client) => client.set("key", "value"));
    await redis.kill();
    expect(isAlive(pid)).toBe(false);
    await expect(withClient(redis.url, (client) => client.ping())).rejects.toThrow(/ECONNREFUSED/);

    await redis.restart({ empty: true });
    expect(redis.pid).not.toBe(pid);
    expect(await withClient(redis.url, (client) => client.dbsize())).toBe(0);
  });

  it("keeps what it persisted over a restart unless it shall be empty", async () => {
    await start(["appendonly yes"]);
    await withClient(redis.url, (client) => client.set("key", "value"));
    await redis.restart({ empty: false });
    expect(await withClient(redis.url, (client) => client.get("key"))).toBe("value");
    await redis.restart({ empty: true });
    expect(await withClient(redis.url, (client) => client.get("key"))).toBeNull();
  });

  it("hangs while paused, answers when resumed, and stops while paused", async () => {
    await start();
    await withClient(redis.url, async (client) => {
      redis.pause();
      await frozen([redis.pid]);
      let answered = false;
      const ping = client.ping().then(() => {
        answered = true;
      });
      await connects(redis.port);
      expect(answered).toBe(false);
      redis.resume();
      await ping;
    });
    redis.pause();
    await redis.stop();
    expect(redis.running).toBe(false);
  });

  it.runIf(onLinux)("takes a password that its arguments do not show", async () => {
    await start(["requirepass s3cret-of-the-test"]);
    await expect(withClient(redis.url, (client) => client.set("key", "value"))).rejects.toThrow(/NOAUTH/);
    const url = redis.url.replace("//", "//:s3cret-of-the-test@");
    expect(await withClient(url, (client) => client.ping())).toBe("PONG");
    expect(readFileSync(`/proc/${redis.pid}/cmdline`, "utf8")).not.toContain("s3cret");
    expect(statSync(join(workspace.dir, "redis", "redis.conf")).mode & 0o777).toBe(0o600);
  });

  it("shows the end of its log when it does not start", async () => {
    workspace = await createWorkspace("test");
    const starting = startRedis(workspace, { name: "broken", config: ["no-such-directive 1"] });
    await expect(starting).rejects.toThrow(ServerStartError);
    await expect(starting).rejects.toThrow(/broken exited with code 1.*no-such-directive/s);
  });
});

describe("a Postgres server of the lab", { timeout: patience }, () => {
  it("answers queries, wants its password, and is not run by root", async () => {
    workspace = await createWorkspace("test");
    const postgres = await startPostgres(workspace, { maxConnections: 37, settings: { jit: false } });
    const client = await postgresClient(postgres);
    const { rows } = await client.query(
      "SELECT current_setting('max_connections') AS most, current_setting('fsync') AS fsync, current_setting('jit') AS jit",
    );
    expect(rows).toEqual([{ most: "37", fsync: "off", jit: "off" }]);
    await client.end();

    await expect(postgresClient({ ...postgres, password: "wrong" })).rejects.toThrow(/password/);
    expect(postgres.url).not.toContain(postgres.password);
    if (onLinux) expect(statSync(`/proc/${postgres.pid}`).uid).not.toBe(0);
    expect(existsSync(join(workspace.dir, "postgres", "password"))).toBe(false);
  });

  it("freezes with its backends, stops while frozen, and leaves no backend when killed", async () => {
    workspace = await createWorkspace("test");
    const postgres = await startPostgres(workspace);
    const client = await postgresClient(postgres);
    const pids = [postgres.pid, ...descendants(postgres.pid)];
    postgres.pause();
    await frozen(pids);
    const answer = client.query("SELECT 1 AS one");
    postgres.resume();
    expect((await answer).rows).toEqual([{ one: 1 }]);

    postgres.pause();
    await postgres.stop();
    await gone(pids);

    const second = await startPostgres(workspace);
    const other = await postgresClient(second);
    const others = [second.pid, ...descendants(second.pid)];
    expect(others.length).toBeGreaterThan(1);
    second.pause(); // frozen backends would not notice that the server is gone
    await second.kill();
    expect(others.filter(isAlive)).toEqual([]);
    await other.end();
  });
});
