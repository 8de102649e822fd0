import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startRedis } from "../../lab/servers/redis.ts";
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

const standalone = (port: number, more: object = {}) => ({
  topology: "standalone",
  address: `127.0.0.1:${port}`,
  ...more,
});

/** A role that is fine, to see that another one's failure leaves its metrics alone. */
async function healthyNeighbour() {
  const { port } = await startRedis(workspace, { name: "neighbour" });
  return standalone(port);
}

describe("a standalone Redis role", { timeout: patience }, () => {
  it("is refused when the server was killed, and up when it is back", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    const roles = { registry: standalone(redis.port), rate_limit: await healthyNeighbour() };
    const exporter = await startExporter(workspace, { roles });
    await expectRecovery(exporter, "registry");

    await redis.kill();
    const page = await expectVerdict(exporter, {
      role: "registry",
      errorClass: "refused",
      code: "REDIS_REFUSED",
      says: [`127.0.0.1:${redis.port}`, "refused"],
    });
    expect(page.verdict("rate_limit")).toBe("up");
    expect(page.value("redisops_role_response_seconds", { role: "rate_limit" })).toBeGreaterThan(0);

    await redis.restart({ empty: true });
    await expectRecovery(exporter, "registry");
    expect(exporter.log.join("")).toContain("the probe succeeds again");
  });

  it("is a timeout when the server hangs, within Prometheus's own timeout", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    const roles = { registry: await healthyNeighbour(), rate_limit: standalone(redis.port) };
    const exporter = await startExporter(workspace, { roles });
    redis.pause(); // its kernel goes on accepting connections
    await frozen([redis.pid]);

    const brief = await exporter.scrape(1);
    expect(brief.verdict("rate_limit")).toBe("timeout");
    expect(brief.verdict("registry")).toBe("up");
    expect(brief.value("redisops_role_response_seconds", { role: "registry" })).toBeGreaterThan(0);
    await expectVerdict(exporter, {
      role: "rate_limit",
      errorClass: "timeout",
      code: "REDIS_TIMEOUT",
      says: [`127.0.0.1:${redis.port}`, "did not answer before the deadline"],
    });

    redis.resume();
    await expectRecovery(exporter, "rate_limit");
  });

  it("is auth when the password is wrong, until the right one is in the secret's file", async () => {
    const right = "the-right-password";
    const wrong = "a-wrong-password";
    const redis = await startRedis(workspace, { name: "redis", config: [`requirepass ${right}`] });
    const password = await secretFile(workspace, wrong);
    const roles = { sequence: standalone(redis.port, { password }) };
    const exporter = await startExporter(workspace, { roles });
    await expectVerdict(exporter, {
      role: "sequence",
      errorClass: "auth",
      code: "REDIS_AUTH",
      says: [`127.0.0.1:${redis.port}`, "WRONGPASS"],
      secrets: [right, wrong],
    });
    await writeFile(password.slice("file:".length), right);
    await expectRecovery(exporter, "sequence");
  });

  it("is auth when the password is missing", async () => {
    const redis = await startRedis(workspace, { name: "redis", config: ["requirepass s3cret-of-the-test"] });
    const exporter = await startExporter(workspace, { roles: { sequence: standalone(redis.port) } });
    await expectVerdict(exporter, {
      role: "sequence",
      errorClass: "auth",
      code: "REDIS_AUTH",
      says: [`127.0.0.1:${redis.port}`, "NOAUTH"],
    });
  });

  it("is auth when the ACL forbids the command", async () => {
    const secret = "password-of-the-acl-user";
    const redis = await startRedis(workspace, {
      name: "redis",
      config: [`user narrow on >${secret} ~* +ping`],
    });
    const password = await secretFile(workspace, secret);
    const roles = { preferences: standalone(redis.port, { username: "narrow", password }) };
    const exporter = await startExporter(workspace, { roles });
    await expectVerdict(exporter, {
      role: "preferences",
      errorClass: "auth",
      code: "REDIS_AUTH",
      says: [`127.0.0.1:${redis.port}`, "NOPERM", "set"],
      secrets: [secret],
    });
  });

  it("is unreachable when its name does not resolve", async () => {
    // No name server has to be asked to know that an empty label is no name.
    const registry = { topology: "standalone", address: "no..such-host:6379" };
    const exporter = await startExporter(workspace, { roles: { registry } });
    await expectVerdict(exporter, {
      role: "registry",
      errorClass: "unreachable",
      code: "REDIS_UNREACHABLE",
      says: ["no..such-host:6379", "ENOTFOUND"],
    });
  });
});
