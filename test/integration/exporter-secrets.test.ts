import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answersOk } from "../../lab/servers/http-ready.ts";
import { startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { SecretsSweep } from "../cli/secrets-sweep.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";
import { askTls, serverTls, usersSection, webFolder } from "./exporter-web-client.ts";

let workspace: Workspace;
let child: RedisopsChild | undefined;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
});

afterAll(async () => {
  child?.kill("SIGKILL");
  await workspace.close();
});

test(
  "the exporter does not start while a secret cannot be read, and names each of them",
  async () => {
    const file = join(workspace.dir, "redisops.yaml");
    await writeFile(
      file,
      `platform: test
roles:
  registry: { topology: standalone, address: "127.0.0.1:1", password: "\${EXPORTER_TEST_UNSET}" }
postgres: { address: "127.0.0.1:1", database: d, user: u, password: "file:/no/such/secret", tables: {} }
exporter: { listen: "127.0.0.1:${await workspace.port()}" }
`,
    );
    child = new RedisopsChild(["exporter", "--config", file], { PATH: process.env.PATH });
    const { code, stderr } = await child.outcome;
    expect(code).toBe(64);
    for (const words of [
      "SECRET_UNRESOLVED",
      "roles.registry.password",
      "EXPORTER_TEST_UNSET",
      "postgres.password",
    ]) {
      expect(stderr).toContain(words);
    }
  },
  patience,
);

test(
  "the exporter starts without the webhooks, which only the generated files need",
  async () => {
    const file = join(workspace.dir, "webhooks.yaml");
    const address = `127.0.0.1:${await workspace.port()}`;
    await writeFile(
      file,
      `platform: test
roles: {}
exporter: { listen: "${address}" }
alerting: { receivers: { page: { webhook: "\${EXPORTER_TEST_UNSET}" } } }
`,
    );
    child = new RedisopsChild(["exporter", "--config", file], { PATH: process.env.PATH });
    let ended: string | undefined;
    child.outcome.then(
      ({ stderr }) => {
        ended = stderr;
      },
      () => undefined,
    );
    const ready = () => ended !== undefined || answersOk(`http://${address}/-/ready`);
    await waitUntil(ready, { what: "the exporter to be ready", deadlineMs: patience });
    expect(ended).toBeUndefined();
    child.kill("SIGTERM");
    expect((await child.outcome).code).toBe(0);
  },
  patience,
);

/** A running exporter with a secret wherever it can have one, and everything that it shows to whoever asks. */
async function outspoken(env: Readonly<Record<string, string>>) {
  const redisPassword = "redis-secret-1f0c";
  const userPassword = "scrape-secret-93ab";
  const secrets = {
    redis: redisPassword,
    wrong: "wrong-secret-77aa",
    postgres: "postgres-secret-4e2d",
    provider: "provider-secret-b85e",
    user: userPassword,
  };
  const redis = await startRedis(workspace, { name: "registry", config: [`requirepass ${redisPassword}`] });
  const provider = await startProviderStandIn(workspace, {
    accounts: [{ provider: "twilio", sid: "AC1", authToken: secrets.provider, perSecond: 1000 }],
  });
  const web = await webFolder(workspace);
  web.write(`${serverTls()}${usersSection({ prometheus: userPassword })}`);
  const hash = /'(\$2b\$.+)'/.exec(readFileSync(web.path, "utf8"))?.[1] ?? "";
  const key = readFileSync(join(web.folder, "server.key"), "utf8").split("\n");
  const file = join(web.folder, "redisops.yaml");
  const address = `127.0.0.1:${await workspace.port()}`;
  const config = `platform: test
roles:
  registry: { topology: standalone, address: "127.0.0.1:${redis.port}", password: "\${E_REDIS}" }
postgres: { address: "127.0.0.1:${await workspace.port()}", database: d, user: u, password: "\${E_POSTGRES}" }
providers:
  twilio:
    kind: twilio
    base_url: "${provider.url}"
    accounts: { main: { limit_per_second: 10, account_sid: AC1, auth_token: "\${E_PROVIDER}" } }
exporter: { probe_timeout: 2s }
`;
  await writeFile(file, config);
  const words = [
    "exporter",
    "--config",
    file,
    "--web.listen-address",
    address,
    "--web.config.file",
    web.path,
  ];
  const child = new RedisopsChild(words, {
    PATH: process.env.PATH,
    E_REDIS: secrets.redis,
    E_POSTGRES: secrets.postgres,
    E_PROVIDER: secrets.provider,
    ...env,
  });
  const sweep = new SecretsSweep({ ...secrets, hash, "the hash's end": hash.slice(29), key: key[1] ?? "" });
  const ask = (path: string, auth = `prometheus:${userPassword}`, method = "GET") =>
    askTls(`https://${address}${path}`, { ca: readFileSync(web.authority.file), auth, method });
  return { redis, provider, web, file, config, child, sweep, ask };
}

type Outspoken = Awaited<ReturnType<typeof outspoken>>;

/** Looks at everything once. */
async function look({ ask, sweep, file, config, web, child }: Outspoken, when: string): Promise<void> {
  const see = async (path: string, auth?: string, method?: string) => {
    const answer = await ask(path, auth, method);
    sweep.see(`${method ?? "GET"} ${path} (${when})`, `${JSON.stringify(answer.headers)}\n${answer.text}`);
    return answer.status;
  };
  for (const path of [
    "/metrics",
    "/metrics?debug=true",
    "/probe?target=registry&debug=true",
    "/probe?target=twilio/main&debug=true",
    "/probe?target=postgres&debug=true",
    "/probe?target=self&debug=true",
    "/",
    "/sd",
  ]) {
    expect(await see(path), path).toBe(200);
  }
  expect(await see("/probe?target=nowhere")).toBe(400);
  expect(await see("/nowhere")).toBe(404);
  expect(await see("/metrics", "prometheus:wrong-secret-77aa")).toBe(401);
  // Secrets in plain text, where they do not belong, must not come back in the refusal either.
  await writeFile(
    file,
    config.replace("${E_REDIS}", "redis-secret-1f0c").replace("${E_PROVIDER}", "provider-secret-b85e"),
  );
  expect(await see("/-/reload", undefined, "POST")).toBe(400);
  await writeFile(file, config);
  expect(await see("/-/reload", undefined, "PUT")).toBe(200);
  const good = readFileSync(web.path, "utf8");
  await writeFile(web.path, good.replace(/'\$2b.+'/, "scrape-secret-93ab"));
  expect(await see("/probe?target=self")).toBe(200);
  await writeFile(web.path, good);
  sweep.see(`stderr (${when})`, child.stderr);
  sweep.see(`arguments (${when})`, readFileSync(`/proc/${child.pid}/cmdline`, "utf8"));
}

async function end({ child, sweep }: Outspoken): Promise<void> {
  child.kill("SIGTERM");
  const { code, stdout, stderr } = await child.outcome;
  expect(code).toBe(0);
  sweep.see("stdout", stdout);
  sweep.see("stderr", stderr);
}

test(
  "no secret is in anything that the exporter shows, healthy or failing",
  async () => {
    const spoken = await outspoken({});
    child = spoken.child;
    await waitUntil(async () => (await spoken.ask("/-/ready")).status === 200, {
      what: "the exporter to be ready",
      deadlineMs: patience,
    });
    await look(spoken, "healthy");
    const seen = (where: string) => spoken.sweep.seen.get(where) ?? "";
    expect(seen("GET /metrics (healthy)")).toContain('redisops_role_up{role="registry"} 1');
    expect(seen("GET /probe?target=registry&debug=true (healthy)")).toContain(
      "Metrics that would have been returned",
    );

    await spoken.provider.stop();
    spoken.redis.pause();
    await frozen([spoken.redis.pid]);
    try {
      await look(spoken, "failing");
    } finally {
      spoken.redis.resume();
    }
    expect(seen("GET / (failing)")).toContain("REDIS_TIMEOUT");
    expect(seen("stderr (failing)")).toContain("REDIS_TIMEOUT");
    await end(spoken);
    expect(spoken.sweep.leaks()).toEqual([]);

    // The sweep is able to find them.
    const check = spoken.sweep;
    check.see("the web configuration", readFileSync(spoken.web.path, "utf8"));
    check.see("the key", readFileSync(join(spoken.web.folder, "server.key"), "utf8"));
    expect(check.leaks()).toEqual(
      expect.arrayContaining([
        "hash in the web configuration",
        "the hash's end in the web configuration",
        "key in the key",
      ]),
    );
  },
  2 * patience,
);

test(
  "no secret is in anything that the exporter shows when its credentials are rejected",
  async () => {
    const spoken = await outspoken({ E_REDIS: "wrong-secret-77aa", E_PROVIDER: "wrong-secret-77aa" });
    child = spoken.child;
    await waitUntil(async () => (await spoken.ask("/-/ready")).status === 200, {
      what: "the exporter to be ready",
      deadlineMs: patience,
    });
    await look(spoken, "rejected");
    expect(spoken.sweep.seen.get("GET / (rejected)")).toContain("REDIS_AUTH");
    await end(spoken);
    expect(spoken.sweep.leaks()).toEqual([]);
  },
  2 * patience,
);
