import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../../../core/config/load.ts";
import { loadWebConfig } from "../../../../exporters/web-config/load.ts";
import { WatchedWebConfig } from "../../../../exporters/web-config/watched.ts";
import { CertificateAuthority } from "../../../fixtures/certificates.ts";
import { malformedWebConfigs, someHash } from "./malformed-web-configs.ts";

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "redisops-web-config-"));
  path = join(folder, "web.yml");
  const authority = new CertificateAuthority(folder);
  const { cert, key } = authority.issue("server", "DNS:localhost");
  authority.issue("other", "DNS:localhost");
  const encrypt = [
    "pkey",
    "-in",
    key,
    "-aes256",
    "-passout",
    "pass:x",
    "-out",
    join(folder, "encrypted.key"),
  ];
  execFileSync("openssl", encrypt, { stdio: "pipe" });
  writeFileSync(join(folder, "junk.pem"), "junk\n");
  const text = readFileSync(cert, "utf8").split("\n");
  writeFileSync(join(folder, "broken.pem"), [text[0], text[1]?.slice(8), ...text.slice(2)].join("\n"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Loads a text as the file would be; answers why it is refused. */
function refusal(text: string | Buffer): ConfigError {
  writeFileSync(path, text);
  try {
    loadWebConfig(path);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("this web configuration was accepted");
}

describe("a malformed web configuration", () => {
  test.each(malformedWebConfigs)("%s", (_, text, place, words) => {
    const error = refusal(text);
    const [first] = error.problems;
    expect(`${first?.line}:${first?.column} ${first?.path}`.trim()).toBe(place);
    expect(first?.message).toContain(words);
    expect(error.code).toBe("WEB_CONFIG_INVALID");
    expect(error.exitCode).toBe(78);
    expect(error.message).toContain(`${path}:${first?.line}:${first?.column}`);
    for (const secret of ["hunter2", "12345", "junk-secret", someHash.slice(7)]) {
      expect(JSON.stringify(error) + error.message).not.toContain(secret);
    }
  });

  test("that is not there, is a folder, is no text or has no end is refused", () => {
    for (const [file, words] of [
      [join(folder, "nowhere.yml"), "cannot be read: ENOENT"],
      [folder, "cannot be read: EISDIR"],
      ["/dev/zero", "longer than 1048576 bytes"],
    ] as const) {
      expect(() => loadWebConfig(file)).toThrow(words);
    }
    expect(refusal(Buffer.from([0x61, 0xff, 0x62])).message).toContain("not text in UTF-8");
    expect(refusal("a: \0").message).toContain("not text in UTF-8");
    expect(refusal("[".repeat(50_000)).message).toContain("nested too deeply");
  });
});

describe("a good web configuration", () => {
  test.each([
    ["nothing", "", {}],
    ["only a comment", "# nothing yet\n", {}],
    ["a rate limit that is off", "rate_limit: {interval: 0, burst: 0}\n", {}],
    ["a header as a number", "http_server_config: {headers: {X-XSS-Protection: 1}}\n", {}],
    [
      "hashes of all kinds",
      `basic_auth_users: {a: '${someHash}', b: '${someHash.replace("2b", "2y")}'}\n`,
      {},
    ],
    [
      "TLS",
      "tls_server_config: {cert_file: server.pem, key_file: server.key}\n",
      { minVersion: "TLSv1.2", maxVersion: "TLSv1.3", honorCipherOrder: true },
    ],
    [
      "TLS with everything",
      "tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a], min_version: TLS12, max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], curve_preferences: [CurveP384, X25519], prefer_server_cipher_suites: false}\n",
      {
        maxVersion: "TLSv1.2",
        honorCipherOrder: false,
        ecdhCurve: "P-384:X25519",
        ciphers: expect.stringContaining("ECDHE-ECDSA-AES128-GCM-SHA256"),
      },
    ],
  ])("%s is taken", (_, text, tls) => {
    writeFileSync(path, text);
    const loaded = loadWebConfig(path);
    if (Object.keys(tls).length === 0) expect(loaded.tls).toBeUndefined();
    else expect(loaded.tls).toMatchObject(tls);
  });

  test("certificate, key and authorities may stand in the file itself", () => {
    const pem = (name: string) => JSON.stringify(readFileSync(join(folder, name), "utf8"));
    writeFileSync(
      path,
      `tls_server_config: {cert: ${pem("server.pem")}, key: ${pem("server.key")}, client_ca: ${pem("ca.pem")}, client_auth_type: RequireAndVerifyClientCert}\n`,
    );
    expect(loadWebConfig(path).tls).toMatchObject({ ca: expect.stringContaining("BEGIN CERTIFICATE") });
  });
});

describe("a web configuration that is watched", () => {
  test("is read when one of its files changes, and never otherwise", () => {
    const authority = new CertificateAuthority(folder, "rotating");
    authority.issue("rotated", "DNS:localhost");
    writeFileSync(path, "tls_server_config: {cert_file: rotated.pem, key_file: rotated.key}\n");
    const changes: (string | undefined)[] = [];
    const watched = new WatchedWebConfig(path, (error) => changes.push(error?.code));
    const first = watched.current;
    expect(watched.current).toBe(first);
    authority.issue("rotated", "DNS:localhost");
    const second = watched.current;
    expect(second).not.toBe(first);
    expect(second.tls?.cert).not.toBe(first.tls?.cert);
    expect(watched.current).toBe(second);
    expect(changes).toEqual([undefined]);
  });

  test("stays as it was when the file turns bad, says so once, and recovers", () => {
    writeFileSync(path, `basic_auth_users: {alice: '${someHash}'}\n`);
    const changes: (string | undefined)[] = [];
    const watched = new WatchedWebConfig(path, (error) => changes.push(error?.code));
    const good = watched.current;
    writeFileSync(path, "basic_auth_users: {alice: hunter2}\n");
    expect(watched.current).toBe(good);
    expect(watched.current).toBe(good);
    rmSync(path);
    expect(watched.current).toBe(good);
    expect(changes).toEqual(["WEB_CONFIG_INVALID", "WEB_CONFIG_INVALID"]);
    writeFileSync(path, "tls_server_config: {cert_file: server.pem, key_file: server.key}\n");
    expect(watched.current).toBe(good);
    writeFileSync(
      path,
      "basic_auth_users: {bob: '$2b$04$NqcBqnVnUZg6s6cUoUcFOuHkPfTnRDYDY3i1eFdCBtSqAAgt5lY8K'}\n",
    );
    expect(Object.keys(watched.current.config.basic_auth_users ?? {})).toEqual(["bob"]);
    expect(changes.slice(2)).toEqual(["WEB_CONFIG_INVALID", undefined]);
  });

  test("is taken once the files that it names are there, though it came first", () => {
    const authority = new CertificateAuthority(folder, "late-authority");
    authority.issue("early", "DNS:localhost");
    writeFileSync(path, "tls_server_config: {cert_file: early.pem, key_file: early.key}\n");
    const changes: (string | undefined)[] = [];
    const watched = new WatchedWebConfig(path, (error) => changes.push(error?.code));
    const good = watched.current;
    writeFileSync(path, "tls_server_config: {cert_file: late.pem, key_file: late.key}\n");
    expect(watched.current).toBe(good);
    authority.issue("late", "DNS:localhost");
    expect(watched.current.config.tls_server_config?.cert_file).toBe("late.pem");
    expect(watched.error).toBeUndefined();
    expect(changes).toEqual(["WEB_CONFIG_INVALID", undefined]);
  });

  test("stays as it was when a file that it names becomes a pipe that nobody writes to", () => {
    const authority = new CertificateAuthority(folder, "piped-authority");
    authority.issue("piped", "DNS:localhost");
    writeFileSync(path, "tls_server_config: {cert_file: piped.pem, key_file: piped.key}\n");
    const watched = new WatchedWebConfig(path, () => undefined);
    const good = watched.current;
    rmSync(join(folder, "piped.pem"));
    execFileSync("mkfifo", [join(folder, "piped.pem")]);
    expect(watched.current).toBe(good);
    expect(watched.error?.message).toContain("expected a certificate in PEM form");
  });
});
