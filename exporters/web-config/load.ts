import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { dirname, resolve } from "node:path";
import { createSecureContext } from "node:tls";
import { ConfigError } from "../../core/config/load.ts";
import { describeIssues } from "../../core/config/problems.ts";
import { maxConfigBytes, readBounded, readText } from "../../core/config/read-text.ts";
import { readYaml, type YamlDocument } from "../../core/config/yaml-document.ts";
import { messageOf } from "../../core/errors.ts";
import { type TlsSection, type WebConfig, webConfigJsonSchema, webConfigSchema } from "./schema.ts";
import { cipherSuites, curves, modernSuites, tlsVersions } from "./tls-names.ts";

/** What TLS needs, as Node names it. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly honorCipherOrder: boolean;
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
}

/** A web configuration whose certificates and keys have been read and fit together. */
export interface LoadedWebConfig {
  readonly config: WebConfig;
  readonly tls: TlsMaterial | undefined;
}

/** The files that a web configuration names, as absolute paths; relative ones are relative to its own folder. */
export function filesOf(path: string, section: TlsSection | undefined): string[] {
  const named = [section?.cert_file, section?.key_file, section?.client_ca_file];
  return named.flatMap((name) => (name === undefined ? [] : [resolve(dirname(path), name)]));
}

type Name = "cert" | "key" | "client_ca";

/** Something wrong with what stands at `place`, beside what zod has found. */
class Complaint extends Error {
  readonly place: string;

  constructor(place: string, message: string) {
    super(message);
    this.place = place;
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** All certificates of a PEM text; throws a Complaint where there is none or one of them is broken. */
function certificates(text: string, place: string): X509Certificate[] {
  const blocks = text.match(pemCertificate) ?? [];
  if (blocks.length === 0) throw new Complaint(place, "expected a certificate in PEM form");
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new Complaint(place, `expected a certificate in PEM form: ${messageOf(error)}`);
  }
}

function privateKey(text: string, place: string): KeyObject {
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw new Complaint(place, "expected a key without a passphrase");
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new Complaint(place, "expected a private key in PEM form");
  }
}

/** Reads and checks certificate, key and authorities. Throws a Complaint. */
function material(path: string, section: TlsSection): TlsMaterial {
  const place = (name: Name) => (section[name] === undefined ? `${name}_file` : name);
  const read = (name: Name): string | undefined => {
    const file = section[`${name}_file`];
    if (file === undefined) return section[name];
    try {
      // A comment between certificates need not be UTF-8.
      const bytes = readBounded(resolve(dirname(path), file));
      if (bytes.length > maxConfigBytes) throw new Error(`it is longer than ${maxConfigBytes} bytes`);
      return bytes.toString("utf8");
    } catch (error) {
      throw new Complaint(place(name), `cannot be read: ${messageOf(error)}`);
    }
  };
  const cert = read("cert") ?? "";
  const key = read("key") ?? "";
  const ca = read("client_ca");
  const [own] = certificates(cert, place("cert"));
  const secret = privateKey(key, place("key"));
  if (own?.checkPrivateKey(secret) !== true) {
    throw new Complaint(place("key"), "expected the key of the certificate; they do not belong together");
  }
  if (ca !== undefined) certificates(ca, place("client_ca"));
  const legacy = section.cipher_suites?.map((suite) => cipherSuites[suite as keyof typeof cipherSuites]);
  const tls: TlsMaterial = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: tlsVersions[section.min_version as keyof typeof tlsVersions],
    maxVersion: tlsVersions[section.max_version as keyof typeof tlsVersions],
    honorCipherOrder: section.prefer_server_cipher_suites,
    ...(legacy === undefined ? {} : { ciphers: [...new Set([...modernSuites, ...legacy])].join(":") }),
    ...(section.curve_preferences === undefined
      ? {}
      : {
          ecdhCurve: section.curve_preferences.map((name) => curves[name as keyof typeof curves]).join(":"),
        }),
  };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new Complaint(place("cert"), `cannot be used for TLS: ${messageOf(error)}`);
  }
  return tls;
}

function invalid(path: string, message: string, line = 1, column = 1): ConfigError {
  return new ConfigError("WEB_CONFIG_INVALID", path, [{ line, column, path: "", message }]);
}

/** Validates the text of a web configuration. Throws a ConfigError (WEB_CONFIG_INVALID). */
function parseWebConfig(text: string, path: string): { config: WebConfig; yaml: YamlDocument } {
  const yaml = readYaml(text);
  if ("problems" in yaml) throw new ConfigError("WEB_CONFIG_INVALID", path, yaml.problems);
  const result = webConfigSchema.safeParse(yaml.values ?? {});
  if (result.success) return { config: result.data, yaml };
  const problems = describeIssues(result.error.issues, yaml, webConfigJsonSchema());
  throw new ConfigError("WEB_CONFIG_INVALID", path, problems);
}

function readWebConfig(path: string): { config: WebConfig; yaml: YamlDocument } {
  let text: ReturnType<typeof readText>;
  try {
    text = readText(path);
  } catch (error) {
    throw invalid(path, `cannot be read: ${messageOf(error)}`);
  }
  if (typeof text !== "string") throw invalid(path, text.message, text.line, text.column);
  return parseWebConfig(text, path);
}

/** The files that a web configuration names as it is on disk now; undefined when it cannot be used itself. */
export function filesNamedIn(path: string): string[] | undefined {
  try {
    return filesOf(path, readWebConfig(path).config.tls_server_config);
  } catch {
    return undefined;
  }
}

/**
 * Reads a web configuration with the files that it names. Throws a ConfigError (WEB_CONFIG_INVALID) that says where it
 * is wrong; no message repeats a hash or a key.
 */
export function loadWebConfig(path: string): LoadedWebConfig {
  const { config, yaml } = readWebConfig(path);
  const section = config.tls_server_config;
  if (section === undefined) return { config, tls: undefined };
  try {
    return { config, tls: material(path, section) };
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    const issue = {
      code: "custom" as const,
      path: ["tls_server_config", error.place],
      message: error.message,
      input: undefined,
    };
    throw new ConfigError("WEB_CONFIG_INVALID", path, describeIssues([issue], yaml, webConfigJsonSchema()));
  }
}
