import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import { selfSignedCertificate, startLoadingRedis, startTlsRedis } from "./exporter-redis-servers.ts";
import { expectRecovery, expectVerdict } from "./exporter-verdict.ts";

const filter = { engine: "bitmap", capacity: 1000 };

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("exporter");
});

afterEach(async () => {
  await workspace.close();
});

describe("a Redis role that reads its data set", { timeout: patience }, () => {
  it("is loading until it has finished", async () => {
    const redis = await startLoadingRedis(workspace);
    const address = `127.0.0.1:${redis.port}`;
    const roles = { preferences: { topology: "standalone", address } };
    const exporter = await startExporter(workspace, { roles });
    await expectVerdict(exporter, {
      role: "preferences",
      errorClass: "loading",
      code: "REDIS_LOADING",
      says: [address, "loading its data set"],
    });
    await redis.hurry();
    await expectRecovery(exporter, "preferences");
  });
});

describe("a Redis role over TLS", { timeout: patience }, () => {
  it("is up with the right authority, and says what is wrong with another one", async () => {
    const own = await selfSignedCertificate(workspace, "own");
    const foreign = await selfSignedCertificate(workspace, "foreign");
    const address = `127.0.0.1:${await startTlsRedis(workspace, own)}`;
    const role = (ca_file: string) => ({ topology: "standalone", address, tls: { ca_file } });

    const trusting = await startExporter(workspace, { roles: { registry: role(own.certificate) } });
    await expectRecovery(trusting, "registry");

    const exporter = await startExporter(workspace, { roles: { registry: role(foreign.certificate) } });
    await expectVerdict(exporter, {
      role: "registry",
      errorClass: "unreachable",
      code: "REDIS_UNREACHABLE",
      says: [address, "over TLS", "certificate"],
    });
    const { error } = await exporter.result("redis", "registry");
    expect(error?.next).toContain("tls.ca_file");
  });

  it("is unreachable when only the server speaks TLS", async () => {
    const own = await selfSignedCertificate(workspace, "own");
    const address = `127.0.0.1:${await startTlsRedis(workspace, own)}`;
    const exporter = await startExporter(workspace, {
      roles: { sequence: { topology: "standalone", address } },
    });
    await expectVerdict(exporter, {
      role: "sequence",
      errorClass: "unreachable",
      code: "REDIS_UNREACHABLE",
      says: [address],
    });
  });

  it("names a file of the configuration that cannot be read", async () => {
    const role = { topology: "standalone", address: "127.0.0.1:1", tls: { ca_file: "/no/such/ca.pem" } };
    const exporter = await startExporter(workspace, { roles: { registry: role } });
    const page = await exporter.scrape();
    expect(page.value("redisops_probe_success", { probe: "redis" })).toBe(0);
    expect(page.all("redisops_role_up")).toEqual([]);
    const { error } = await exporter.result("redis", "registry");
    expect(error?.code).toBe("SECRET_UNRESOLVED");
    expect(error?.message).toContain("/no/such/ca.pem");
  });
});

describe("a Redis role that answers and refuses every write", { timeout: patience }, () => {
  const standalone = ({ port }: { port: number }) => ({
    topology: "standalone",
    address: `127.0.0.1:${port}`,
  });

  it("is out of memory at maxmemory without eviction, until there is room", async () => {
    const redis = await startRedis(workspace, { name: "full", config: ["maxmemory-policy noeviction"] });
    const exporter = await startExporter(workspace, { roles: { dedup: { ...standalone(redis), filter } } });
    await expectRecovery(exporter, "dedup");
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory", "1"));
    const page = await expectVerdict(exporter, {
      role: "dedup",
      errorClass: "out_of_memory",
      code: "REDIS_OUT_OF_MEMORY",
      says: ["refuses writes at its memory limit"],
    });
    expect(page.value("redisops_bloom_readable")).toBe(1);
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory", "0"));
    await expectRecovery(exporter, "dedup");
  });

  it("is readonly when it is a replica, also one whose primary is gone", async () => {
    const replica = await startRedis(workspace, { name: "replica" });
    const primary = await workspace.port();
    await withRedis(replica.port, (client) => client.replicaof("127.0.0.1", primary));
    const exporter = await startExporter(workspace, { roles: { sequence: standalone(replica) } });
    await expectVerdict(exporter, {
      role: "sequence",
      errorClass: "readonly",
      code: "REDIS_READONLY",
      says: ["is a read-only replica"],
    });
    await withRedis(replica.port, (client) => client.replicaof("NO", "ONE"));
    await expectRecovery(exporter, "sequence");
  });

  it("refuses writes while too few replicas are attached", async () => {
    const redis = await startRedis(workspace, { name: "alone", config: ["min-replicas-to-write 1"] });
    const exporter = await startExporter(workspace, { roles: { registry: standalone(redis) } });
    await expectVerdict(exporter, {
      role: "registry",
      errorClass: "write_refused",
      code: "REDIS_WRITE_REFUSED",
      says: ["refuses writes", "NOREPLICAS"],
    });
    await withRedis(redis.port, (client) => client.config("SET", "min-replicas-to-write", "0"));
    await expectRecovery(exporter, "registry");
  });

  it("refuses writes while it cannot save its data set", async () => {
    const redis = await startRedis(workspace, { name: "unsaved", config: ["save 3600 1"] });
    await rm(join(workspace.dir, "unsaved", "data"), { recursive: true });
    await withRedis(redis.port, async (client) => {
      await client.bgsave();
      const failed = async () => (await client.info("persistence")).includes("rdb_last_bgsave_status:err");
      await waitUntil(failed, { what: "the snapshot to have failed", deadlineMs: patience });
    });
    const exporter = await startExporter(workspace, { roles: { sequence: standalone(redis) } });
    await expectVerdict(exporter, {
      role: "sequence",
      errorClass: "write_refused",
      code: "REDIS_WRITE_REFUSED",
      says: ["refuses writes", "MISCONF"],
    });
    await withRedis(redis.port, (client) => client.config("SET", "save", ""));
    await expectRecovery(exporter, "sequence");
  });

  it("leaves nothing behind but its own key, which expires", async () => {
    const redis = await startRedis(workspace, { name: "clean" });
    const exporter = await startExporter(workspace, { roles: { dedup: { ...standalone(redis), filter } } });
    await expectRecovery(exporter, "dedup");
    await withRedis(redis.port, async (client) => {
      expect(await client.keys("*")).toEqual(["redisops:probe"]);
      expect(await client.pttl("redisops:probe")).toBeGreaterThan(0);
    });
  });
});

describe("a secret that can no longer be read", { timeout: patience }, () => {
  it("fails the probes without a word about the servers", async () => {
    const secret = await secretFile(workspace, "of-no-use");
    const address = `127.0.0.1:${await workspace.port()}`;
    const exporter = await startExporter(workspace, {
      roles: { dedup: { topology: "standalone", address, password: secret, filter } },
      postgres: { address, database: "postgres", user: "redisops", password: secret, tables: {} },
    });
    const before = await exporter.scrape();
    expect(before.verdict("dedup")).toBe("refused");
    expect(before.verdict("postgres")).toBe("refused");
    expect(before.value("redisops_bloom_readable")).toBe(0);
    expect(before.value("redisops_postgres_connections_refused")).toBe(0);

    await rm(secret.slice("file:".length));
    const page = await exporter.scrape();
    for (const probe of ["redis", "bloom", "postgres"]) {
      expect(page.value("redisops_probe_success", { probe })).toBe(0);
    }
    for (const name of ["role_up", "role_failure", "bloom_readable", "postgres_connections_refused"]) {
      expect(page.all(`redisops_${name}`)).toEqual([]);
    }
    const { error } = await exporter.result("postgres", "postgres");
    expect(error?.code).toBe("SECRET_UNRESOLVED");
  });
});
