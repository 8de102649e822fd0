import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import type { TlsSection } from "./schema.ts";

/** One spelling for each IP address: IPv6 has many. */
function canonicalAddress(text: string): string {
  return isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}

/**
 * The DNS names, IP addresses, e-mail addresses and URIs in Node's text of a subject alternative name. Node writes a
 * value as a JSON string where it holds what would make it look like several (CVE-2021-44532).
 */
export function alternativeNames(text: string | undefined): string[] {
  const names: string[] = [];
  const entry = /(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/gy;
  for (const [, kind, quoted, plain = ""] of (text ?? "").matchAll(entry)) {
    const value = quoted === undefined ? plain : String(JSON.parse(quoted));
    if (kind === "IP Address") names.push(canonicalAddress(value));
    else if (kind === "DNS" || kind === "URI" || kind === "email") names.push(value);
  }
  return names;
}

/** Why a client is turned away under the policy for client certificates; undefined when it is welcome. */
export function clientRefusal(
  socket: Pick<TLSSocket, "authorized" | "authorizationError" | "getPeerX509Certificate">,
  { client_auth_type: policy, client_allowed_sans: sans }: TlsSection,
): string | undefined {
  if (policy === "NoClientCert" || policy === "RequestClientCert") return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return policy === "VerifyClientCertIfGiven" ? undefined : "it showed no certificate";
  }
  if (policy === "RequireAnyClientCert" || policy === "RequireClientCert") return undefined;
  if (!socket.authorized) return `its certificate is not accepted: ${socket.authorizationError}`;
  if (sans === undefined) return undefined;
  const allowed = new Set(sans.map(canonicalAddress));
  return alternativeNames(certificate.subjectAltName).some((name) => allowed.has(name))
    ? undefined
    : "its certificate has none of client_allowed_sans";
}
