import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answersOk } from "../../lab/servers/http-ready.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";
import { run } from "./run.ts";

let workspace: Workspace;
let redis: Awaited<ReturnType<typeof startRedis>>;
const children: RedisopsChild[] = [];

beforeAll(async () => {
  workspace = await createWorkspace("cli-exporter");
  redis = await startRedis(workspace, { name: "registry" });
}, patience);

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await workspace?.close();
});

/** Starts the exporter and waits until it answers. */
async function start() {
  const listen = `127.0.0.1:${await workspace.port()}`;
  const config = join(workspace.dir, `${listen.replace(":", "-")}.yaml`);
  await writeFile(
    config,
    `platform: test\nroles: { registry: { topology: standalone, address: "127.0.0.1:${redis.port}" } }\n` +
      `exporter: { listen: "${listen}", probe_timeout: 500ms }\n`,
  );
  const child = new RedisopsChild(["exporter", "--config", config], { PATH: process.env.PATH });
  children.push(child);
  const url = `http://${listen}`;
  await waitUntil(() => answersOk(`${url}/-/ready`), { what: "the exporter", deadlineMs: patience });
  return { child, url, config, listen };
}

const get = async (url: string) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(patience) });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
};

describe("redisops exporter", { timeout: patience }, () => {
  test("serves metrics, its health, its readiness and a page that leads to them", async () => {
    const { child, url } = await start();
    const metrics = await get(`${url}/metrics`);
    expect(metrics).toMatchObject({
      status: 200,
      type: expect.stringMatching(/^text\/plain; version=0\.0\.4/),
    });
    expect(metrics.text).toMatch(/^redisops_role_up\{role="registry"\} 1$/m);
    expect(metrics.text).toMatch(/^# TYPE redisops_role_up gauge$/m);
    for (const path of ["/-/healthy", "/-/ready"]) {
      expect(await get(`${url}${path}`)).toMatchObject({ status: 200, text: "ok\n" });
    }
    const landing = await get(url);
    expect(landing).toMatchObject({ status: 200, type: "text/html; charset=utf-8" });
    const links = [...landing.text.matchAll(/href="([^"]+)"/g)].map(([, path = ""]) => path);
    expect(links).toContain("/metrics");
    for (const path of links) expect((await get(`${url}${path}`)).status, path).toBe(200);
    expect((await get(`${url}/nothing-here`)).status).toBe(404);

    child.kill("SIGTERM");
    const { code, stdout, stderr } = await child.outcome;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    for (const line of stderr.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
    await expect(fetch(url)).rejects.toThrow();
  });

  test("ends in order on SIGINT as well, and finishes the scrape that is under way", async () => {
    const { child, url } = await start();
    redis.pause();
    await frozen([redis.pid]);
    try {
      const scrape = get(`${url}/metrics`);
      // The probe hangs on the paused server; the signal comes while it does, or at the latest just after.
      await waitUntil(() => answersOk(`${url}/-/healthy`), { what: "the exporter", deadlineMs: patience });
      child.kill("SIGINT");
      const { status, text } = await scrape;
      expect(status).toBe(200);
      expect(text).toMatch(/^redisops_role_failure\{role="registry",error_class="timeout"\} 1$/m);
      expect((await child.outcome).code).toBe(0);
    } finally {
      redis.resume();
    }
  });

  test("says that its port is taken, and exits 1", async () => {
    const { child, config, listen, url } = await start();
    const { code, stdout, stderr } = await run(["exporter", "--config", config]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`error LISTEN_FAILED  Cannot listen on ${listen}: listen EADDRINUSE`);
    expect(stderr).toContain("next: Choose another exporter.listen, or end what uses the port.");
    expect(await answersOk(`${url}/-/ready`)).toBe(true);
    child.kill("SIGTERM");
    expect((await child.outcome).code).toBe(0);
  });

  test("exits 64 without a configuration, and with one that is wrong", async () => {
    const missing = await run(["exporter", "--config", "/nowhere/redisops.yaml"]);
    expect(missing.code).toBe(64);
    expect(missing.stderr).toMatch(/^error CONFIG_NOT_FOUND {2}/);
    const path = join(workspace.dir, "wrong.yaml");
    await writeFile(path, "platform: test\nroles: {}\nexporter: { listen: here }\n");
    const wrong = await run(["exporter", "--config", path]);
    expect(wrong.code).toBe(64);
    expect(wrong.stderr).toContain(`${path}:3:21 exporter.listen: got "here", expected host:port`);
  });
});
