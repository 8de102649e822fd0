import { writeFileSync } from "node:fs";
import https from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import type { SecureContextOptions, TLSSocket } from "node:tls";
import { hashSync } from "bcryptjs";
import type { Workspace } from "../../lab/workspace.ts";
import { CertificateAuthority } from "../fixtures/certificates.ts";
import { patience } from "../fixtures/processes.ts";

/** An answer of the exporter. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Of the server's certificate. */
  readonly fingerprint: string;
  readonly protocol: string | null;
  readonly cipher: string;
}

/** Asks over TLS on a connection of its own, or on the agent's. Rejects when there is none. */
export function askTls(
  url: string,
  options: SecureContextOptions & {
    readonly auth?: string;
    readonly agent?: https.Agent;
    readonly method?: string;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request(url, { agent: false, timeout: patience, ...options }, (response) => {
      const socket = response.socket as TLSSocket;
      const facts = {
        fingerprint: socket.getPeerCertificate().fingerprint256 ?? "",
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().name,
      };
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
          ...facts,
        }),
      );
    });
    request.on("error", reject);
    request.end();
  });
}

/** Writes bytes to a port and answers what comes back until the server ends the connection. */
export function writeRaw(port: number, bytes: string | Buffer, end = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.setTimeout(patience, () => socket.destroy(new Error("the server does not end the connection")));
    socket.on("connect", () => (end ? socket.end(bytes) : socket.write(bytes)));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET" || error.code === "EPIPE") resolve(text);
      else reject(error);
    });
    socket.on("close", () => resolve(text));
  });
}

/** A folder with a certificate authority and a web configuration. */
export class WebFolder {
  readonly path: string;
  readonly folder: string;
  readonly authority: CertificateAuthority;

  constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, "web.yml");
    this.authority = new CertificateAuthority(folder);
    this.authority.issue("server", "DNS:localhost,IP:127.0.0.1");
  }

  /** Writes the web configuration. */
  write(text: string): void {
    writeFileSync(this.path, text);
  }
}

/** Creates one in the workspace. */
export async function webFolder(workspace: Workspace): Promise<WebFolder> {
  return new WebFolder(await workspace.folder("web"));
}

/** TLS with the folder's certificate. */
export const serverTls = (more = "") =>
  `tls_server_config: { cert_file: server.pem, key_file: server.key${more === "" ? "" : `, ${more}`} }\n`;

/** Users with hashes of their passwords; the cost is the lowest there is, for the tests' sake. */
export function usersSection(users: Readonly<Record<string, string>>, cost = 4): string {
  const lines = Object.entries(users).map(([user, password]) => `  ${user}: '${hashSync(password, cost)}'\n`);
  return `basic_auth_users:\n${lines.join("")}`;
}
