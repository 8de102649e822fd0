import { readFile, writeFile } from "node:fs/promises";
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
async function start(flags: readonly string[] = [], port?: number, timeout = "500ms") {
  const listen = `127.0.0.1:${port ?? (await workspace.port())}`;
  const config = join(workspace.dir, `${listen.replace(":", "-")}.yaml`);
  await writeFile(
    config,
    `platform: test\nroles: { registry: { topology: standalone, address: "127.0.0.1:${redis.port}" } }\n` +
      `exporter: { listen: "${listen}", probe_timeout: ${timeout} }\n`,
  );
  const child = new RedisopsChild(["exporter", "--config", config, ...flags], { PATH: process.env.PATH });
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
    const links = [...landing.text.matchAll(/href="([^"]+)"/g)].map(([, path = ""]) =>
      path.replaceAll("&amp;", "&"),
    );
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

  test("exits 64 when a flag cannot be used, and says which", async () => {
    for (const [words, said] of [
      [["--web.listen-address", "here"], "--web.listen-address expects host:port or :port"],
      [["--web.listen-address", "127.0.0.1:99999"], "--web.listen-address expects host:port or :port"],
      [["--web.listen-address", "http://a:1"], "--web.listen-address expects host:port or :port"],
      [["--web.telemetry-path", "metrics"], "--web.telemetry-path expects a path"],
      [["--web.telemetry-path", "/"], "--web.telemetry-path expects a path"],
      [["--web.telemetry-path", "/sd"], "--web.telemetry-path expects a path"],
      [["--web.telemetry-path", "/:role"], "--web.telemetry-path expects a path"],
      [["--web.telemetry-path", "/a*"], "--web.telemetry-path expects a path"],
      [["--web.config", "x"], "Unknown option: --web.config"],
      [["--web.config.file"], "Not enough arguments following: web.config.file"],
    ] as const) {
      const { code, stdout, stderr } = await run(["exporter", ...words]);
      expect({ code, stdout }, words.join(" ")).toEqual({ code: 64, stdout: "" });
      expect(stderr).toContain(said);
    }
  });

  test("exits 78 when the web configuration cannot be used, and says where", async () => {
    const { child, config } = await start();
    child.kill("SIGTERM");
    const web = join(workspace.dir, "web.yml");
    await writeFile(web, "basic_auth_users:\n  alice: hunter2\n");
    const plain = await run(["exporter", "--config", config, "--web.config.file", web]);
    expect({ code: plain.code, stdout: plain.stdout }).toEqual({ code: 78, stdout: "" });
    expect(plain.stderr).toContain("error WEB_CONFIG_INVALID");
    expect(plain.stderr).toContain(`${web}:2:10 basic_auth_users.alice: got *** (it may be a secret)`);
    expect(plain.stderr).not.toContain("hunter2");
    const missing = await run(["exporter", "--config", config, "--web.config.file", "/nowhere/web.yml"]);
    expect(missing.code).toBe(78);
    expect(missing.stderr).toContain("/nowhere/web.yml:1:1 cannot be read: ENOENT");
  });

  test("listens where the flags say, on the path that they say", async () => {
    const port = await workspace.port();
    const { url } = await start(
      ["--web.listen-address", `:${port}`, "--web.telemetry-path", "/internal/metrics"],
      port,
    );
    expect((await get(`${url}/internal/metrics`)).text).toContain('redisops_role_up{role="registry"} 1');
    expect((await get(`${url}/metrics`)).status).toBe(404);
    expect((await get(url)).text).toContain('href="/internal/metrics"');
    expect((await get(`http://[::1]:${port}/-/healthy`)).status).toBe(200);
  });

  test("reads redisops.yaml anew on SIGHUP, and goes on with the one before when it is wrong", async () => {
    const { child, url, config } = await start();
    const flag = async () =>
      /^redisops_exporter_config_last_reload_successful (\d)$/m.exec((await get(`${url}/metrics`)).text)?.[1];
    expect(await flag()).toBe("1");
    const good = await readFile(config, "utf8");
    await writeFile(config, `${good}nonsense: 1\n`);
    child.kill("SIGHUP");
    await child.says("redisops.yaml was refused");
    expect(child.stderr).toContain(`${config}:4:1 nonsense: unknown key`);
    expect(await flag()).toBe("0");
    expect((await get(`${url}/metrics`)).text).toContain('redisops_role_up{role="registry"} 1');
    await writeFile(config, good.replace("registry:", "sequence:"));
    child.kill("SIGHUP");
    await child.says("redisops.yaml was read anew");
    expect(await flag()).toBe("1");
    const { text } = await get(`${url}/metrics`);
    expect(text).toContain('redisops_role_up{role="sequence"} 1');
    expect(text).not.toContain('role="registry"');
  });

  test("says 503 at /-/ready while it shuts down, begins no scrape, and ends at once on a second signal", async () => {
    const { child, url } = await start([], undefined, "30s");
    redis.pause();
    await frozen([redis.pid]);
    try {
      const scrape = get(`${url}/metrics`);
      const gone = expect(scrape).rejects.toThrow();
      await waitUntil(
        async () =>
          /^redisops_exporter_scrapes_in_flight 2$/m.test((await get(`${url}/probe?target=self`)).text),
        { what: "the scrape to be under way", deadlineMs: patience },
      );
      expect(await get(`${url}/-/ready`)).toMatchObject({ status: 200 });
      child.kill("SIGTERM");
      await child.says("the exporter ends once the scrapes under way are answered");
      expect(await get(`${url}/-/ready`)).toMatchObject({ status: 503, text: "shutting down\n" });
      expect(await get(`${url}/metrics`)).toMatchObject({ status: 503, text: "shutting down\n" });
      expect(await get(`${url}/-/healthy`)).toMatchObject({ status: 200 });
      child.kill("SIGINT");
      expect((await child.outcome).code).toBe(130);
      await gone;
    } finally {
      redis.resume();
    }
  });
});
