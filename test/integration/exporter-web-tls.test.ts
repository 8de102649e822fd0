import { readFileSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { CertificateAuthority } from "../fixtures/certificates.ts";
import { patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";
import { askTls, serverTls, usersSection, type WebFolder, webFolder } from "./exporter-web-client.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-tls");
});

afterAll(async () => {
  await workspace.close();
});

/** An exporter with the given web configuration, and how its clients trust it. */
async function start(text: string) {
  const web = await webFolder(workspace);
  web.write(text);
  const exporter = await startExporter(workspace, {}, { webConfigFile: web.path });
  const trust = { ca: readFileSync(web.authority.file) };
  const ask = (path: string, options: Parameters<typeof askTls>[1] = {}) =>
    askTls(`${exporter.url}${path}`, { ...trust, ...options });
  return { web, exporter, ask, trust };
}

const pair = ({ cert, key }: { cert: string; key: string }) => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
});

/** How a client fares: `ok`, or `turned away`. */
async function fares(ask: Promise<{ status: number }>): Promise<string> {
  try {
    return (await ask).status === 200 ? "ok" : "other";
  } catch {
    return "turned away";
  }
}

describe("TLS", { timeout: patience }, () => {
  it("is spoken from 1.2 on, and nothing else is", async () => {
    const { exporter, ask } = await start(serverTls());
    expect(exporter.url).toMatch(/^https:/);
    expect(await ask("/-/healthy", { maxVersion: "TLSv1.2" })).toMatchObject({
      status: 200,
      protocol: "TLSv1.2",
    });
    expect(await ask("/-/healthy")).toMatchObject({ status: 200, protocol: "TLSv1.3" });
    const old: SecureContextOptions = {
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    };
    await expect(ask("/-/healthy", old)).rejects.toThrow(/protocol version|alert/i);
    await expect(fetch(exporter.url.replace("https", "http"))).rejects.toThrow();
    expect(await ask("/-/healthy")).toMatchObject({ status: 200 });
  });

  it("has the versions, ciphers and curves of the configuration", async () => {
    const { ask } = await start(
      serverTls(
        "max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], curve_preferences: [CurveP384]",
      ),
    );
    expect(await ask("/-/healthy")).toMatchObject({
      protocol: "TLSv1.2",
      cipher: "ECDHE-ECDSA-AES128-GCM-SHA256",
    });
    await expect(ask("/-/healthy", { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" })).rejects.toThrow(
      /handshake failure/,
    );
    await expect(ask("/-/healthy", { ecdhCurve: "X25519" })).rejects.toThrow(/handshake failure|alert/);
    await expect(ask("/-/healthy", { minVersion: "TLSv1.3" })).rejects.toThrow(/version/);
    const newest = await start(serverTls("min_version: TLS13"));
    await expect(newest.ask("/-/healthy", { maxVersion: "TLSv1.2" })).rejects.toThrow(/version/);
    expect(await newest.ask("/-/healthy")).toMatchObject({ protocol: "TLSv1.3" });
  });

  it("carries HTTP/2 unless that is switched off", async () => {
    const get = async (url: string, ca: Buffer) => {
      const session = http2.connect(url, { ca });
      try {
        return await new Promise<{ status: number; text: string }>((resolve, reject) => {
          session.on("error", reject);
          const stream = session.request({ ":path": "/probe?target=self", accept: "text/plain" });
          let status = 0;
          let text = "";
          stream.on("response", (headers) => {
            status = Number(headers[":status"]);
          });
          stream.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          stream.on("end", () => resolve({ status, text }));
          stream.on("error", reject);
        });
      } finally {
        session.close();
      }
    };
    const on = await start(serverTls());
    const { status, text } = await get(on.exporter.url, on.trust.ca);
    expect(status).toBe(200);
    expect(text).toContain("redisops_exporter_scrapes_total 1");
    const off = await start(`${serverTls()}http_server_config: { http2: false }\n`);
    await expect(get(off.exporter.url, off.trust.ca)).rejects.toThrow();
    expect(await off.ask("/-/healthy")).toMatchObject({ status: 200 });
    await on.exporter.server.close();
  });
});

describe("client certificates", { timeout: patience }, () => {
  /** How clients fare: without a certificate, with one of another authority, with one of ours, and with the name. */
  async function clients(policy: string): Promise<string[]> {
    const { web, ask } = await start(serverTls(policy));
    const foreign = new CertificateAuthority(await workspace.folder("foreign"), "foreign");
    const clientsOf = [
      {},
      pair(foreign.issue("stranger", "DNS:prometheus.example")),
      pair(web.authority.issue("colleague", "DNS:grafana.example")),
      pair(web.authority.issue("prometheus", "DNS:prometheus.example,URI:spiffe://example/prometheus")),
    ];
    return Promise.all(clientsOf.map((client) => fares(ask("/-/healthy", client))));
  }

  const away = "turned away";
  it.each([
    ["client_auth_type: NoClientCert", ["ok", "ok", "ok", "ok"]],
    ["client_auth_type: RequestClientCert", ["ok", "ok", "ok", "ok"]],
    ["client_auth_type: RequireAnyClientCert", [away, "ok", "ok", "ok"]],
    ["client_auth_type: RequireClientCert", [away, "ok", "ok", "ok"]],
    ["client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem", ["ok", away, "ok", "ok"]],
    ["client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem", [away, away, "ok", "ok"]],
    [
      "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [prometheus.example]",
      [away, away, away, "ok"],
    ],
    [
      "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: ['spiffe://example/prometheus']",
      [away, away, away, "ok"],
    ],
    [
      "client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem, client_allowed_sans: [prometheus.example]",
      ["ok", away, away, "ok"],
    ],
  ])("%s", async (policy, verdicts) => {
    expect(await clients(policy)).toEqual(verdicts);
  });
});

/** The value of the metric that says whether the files on disk are in use. */
const inUse = (text: string) => /^redisops_exporter_web_config_last_reload_successful (\d)$/m.exec(text)?.[1];

describe("a web configuration that changes while the exporter runs", { timeout: patience }, () => {
  it("counts from the next connection on; a bad one changes nothing and is reported", async () => {
    const { web, exporter, ask } = await start(serverTls());
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const before = await ask("/-/healthy", { agent });
      web.authority.issue("server", "DNS:localhost,IP:127.0.0.1");
      const after = await ask("/-/healthy");
      expect(after.fingerprint).not.toBe(before.fingerprint);
      expect((await ask("/-/healthy", { agent })).fingerprint).toBe(before.fingerprint);

      writeFileSync(join(web.folder, "server.pem"), "half a certif");
      const broken = await ask("/probe?target=self");
      expect(broken.fingerprint).toBe(after.fingerprint);
      expect(inUse(broken.text)).toBe("0");
      expect(exporter.log.filter((line) => line.includes("the web configuration before stays"))).toHaveLength(
        1,
      );
      expect(exporter.log.join("")).toContain("tls_server_config.cert_file");

      web.authority.issue("server", "DNS:localhost,IP:127.0.0.1");
      const mended = await ask("/probe?target=self");
      expect(mended.fingerprint).not.toBe(after.fingerprint);
      expect(inUse(mended.text)).toBe("1");
    } finally {
      agent.destroy();
    }
  });

  it("may begin to ask for client certificates", async () => {
    const { web, ask } = await start(serverTls());
    const client = pair(web.authority.issue("client", "DNS:client"));
    expect(await fares(ask("/-/healthy"))).toBe("ok");
    web.write(serverTls("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"));
    expect(await fares(ask("/-/healthy"))).toBe("turned away");
    expect(await fares(ask("/-/healthy", client))).toBe("ok");
    const other = new CertificateAuthority(web.folder, "ca");
    expect(await fares(ask("/-/healthy", client))).toBe("turned away");
    expect(await fares(ask("/-/healthy", pair(other.issue("client", "DNS:client"))))).toBe("ok");
  });

  it("may change users and headers, also on a connection that is open", async () => {
    const { web, ask } = await start(`${serverTls()}${usersSection({ alice: "one" })}`);
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const status = async (auth?: string) =>
      (await ask("/-/healthy", { agent, ...(auth === undefined ? {} : { auth }) })).status;
    try {
      expect([await status("alice:one"), await status("alice:two"), await status()]).toEqual([200, 401, 401]);
      web.write(`${serverTls()}${usersSection({ alice: "two" })}`);
      expect([await status("alice:one"), await status("alice:two")]).toEqual([401, 200]);
      web.write(`${serverTls()}basic_auth_users: { alice: two }\n`);
      expect([await status("alice:one"), await status("alice:two")]).toEqual([401, 200]);
      web.write(
        `${serverTls()}http_server_config: { headers: { X-Frame-Options: deny, Strict-Transport-Security: "" } }\n`,
      );
      const answer = await ask("/", { agent });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        "x-frame-options": "deny",
        "x-content-type-options": "nosniff",
      });
      expect(answer.headers).not.toHaveProperty("strict-transport-security");
      expect(answer.headers["content-security-policy"]).toBe("default-src 'none'");
      web.write(usersSection({ alice: "two" }));
      expect(await status()).toBe(200);
    } finally {
      agent.destroy();
    }
  });
});

describe("users", { timeout: patience }, () => {
  /** An exporter without TLS. */
  async function startPlain(text: string): Promise<{ url: string; web: WebFolder }> {
    const web = await webFolder(workspace);
    web.write(text);
    const { url } = await startExporter(workspace, {}, { webConfigFile: web.path });
    return { url, web };
  }

  const basic = (credentials: string) => ({ headers: { Authorization: `Basic ${btoa(credentials)}` } });

  it("are asked for on every path, known or not", async () => {
    const { url } = await startPlain(usersSection({ alice: "one" }));
    for (const path of [
      "/",
      "/metrics",
      "/probe",
      "/sd",
      "/-/healthy",
      "/-/ready",
      "/-/reload",
      "/x",
      "/%zz",
    ]) {
      const answer = await fetch(`${url}${path}`);
      expect(answer.status, path).toBe(401);
      expect(answer.headers.get("www-authenticate"), path).toMatch(/^Basic /);
      expect(await answer.text(), path).toBe("unauthorized\n");
    }
    expect((await fetch(`${url}/-/reload`, { method: "POST" })).status).toBe(401);
    expect((await fetch(`${url}/metrics`, basic("alice:one"))).status).toBe(200);
  });

  it("are told apart by nothing but the right password, and comparing holds up nobody", async () => {
    // Some hundred milliseconds of work each, unless it is remembered.
    const { url } = await startPlain(usersSection({ alice: "one" }, 11));
    expect((await fetch(`${url}/-/healthy`, basic("alice:one"))).status).toBe(200);
    let guessing = true;
    const guesses = Promise.all(
      Array.from({ length: 8 }, (_, index) => fetch(`${url}/metrics`, basic(`alice:guess ${index}`))),
    ).finally(() => {
      guessing = false;
    });
    let served = 0;
    await waitUntil(
      async () => {
        const answer = await fetch(`${url}/-/healthy`, basic("alice:one"));
        expect(answer.status).toBe(200);
        if (guessing) served += 1;
        return !guessing;
      },
      { what: "the guesses to be judged", deadlineMs: patience, intervalMs: 1 },
    );
    expect((await guesses).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 401));
    // One thread would serve at most one request between two comparisons.
    expect(served).toBeGreaterThan(16);
  });

  it("are limited in number by rate_limit", async () => {
    const { url } = await startPlain("rate_limit: { interval: 1h, burst: 2 }\n");
    const statuses: number[] = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await fetch(`${url}/-/healthy`)).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
  });
});
