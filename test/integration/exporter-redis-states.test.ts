import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";
import { selfSignedCertificate, startLoadingRedis, startTlsRedis } from "./exporter-redis-servers.ts";
import { expectRecovery, expectVerdict } from "./exporter-verdict.ts";

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
    expect(page.verdict("registry")).toBe("other");
    const { error } = await exporter.result("redis", "registry");
    expect(error?.code).toBe("SECRET_UNRESOLVED");
    expect(error?.message).toContain("/no/such/ca.pem");
  });
});
