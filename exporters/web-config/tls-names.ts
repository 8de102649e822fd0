import type { SecureVersion } from "node:tls";

/** TLS versions as the exporter-toolkit names them, and as Node does. Older ones are not spoken here. */
export const tlsVersions = { TLS12: "TLSv1.2", TLS13: "TLSv1.3" } as const satisfies Record<
  string,
  SecureVersion
>;

/**
 * Cipher suites by Go's names (crypto/tls, CipherSuites()) and by OpenSSL's. Those of TLS 1.3 are always on, as they are
 * in Go: a list chooses among those of TLS 1.2.
 */
export const cipherSuites = {
  TLS_AES_128_GCM_SHA256: "TLS_AES_128_GCM_SHA256",
  TLS_AES_256_GCM_SHA384: "TLS_AES_256_GCM_SHA384",
  TLS_CHACHA20_POLY1305_SHA256: "TLS_CHACHA20_POLY1305_SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
} as const;

export type CipherSuite = keyof typeof cipherSuites;

/** The suites of TLS 1.3. */
export const modernSuites: readonly CipherSuite[] = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
];

/** Of these HTTP/2 asks for one where TLS 1.2 is spoken (RFC 9113, 9.2.2); Go refuses a list without them as well. */
export const http2Suites: readonly CipherSuite[] = [
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
];

/** Elliptic curves by Go's names and by OpenSSL's. */
export const curves = {
  CurveP256: "P-256",
  CurveP384: "P-384",
  CurveP521: "P-521",
  X25519: "X25519",
} as const;

/** Go's policies for client certificates; RequireClientCert is the toolkit's older name of RequireAnyClientCert. */
export const clientAuthTypes = [
  "NoClientCert",
  "RequestClientCert",
  "RequireClientCert",
  "RequireAnyClientCert",
  "VerifyClientCertIfGiven",
  "RequireAndVerifyClientCert",
] as const;

export type ClientAuthType = (typeof clientAuthTypes)[number];

/** The policies under which a client's certificate is held against the authorities. */
export const verifyingAuthTypes: readonly ClientAuthType[] = [
  "VerifyClientCertIfGiven",
  "RequireAndVerifyClientCert",
];
