import { z } from "zod";
import { duration } from "../../core/config/fields.ts";
import type { JsonSchema } from "../../core/config/json-schema.ts";
import {
  type CipherSuite,
  cipherSuites,
  clientAuthTypes,
  curves,
  http2Suites,
  modernSuites,
  tlsVersions,
  verifyingAuthTypes,
} from "./tls-names.ts";

type Keys<T> = [keyof T & string, ...(keyof T & string)[]];
const keysOf = <T extends object>(names: T) => Object.keys(names) as Keys<T>;

/** Text that must not be repeated in a message. */
const hidden = (text: z.ZodString) => text.meta({ writeOnly: true });
const file = () => z.string().min(1);

/** Highest bcrypt cost: it takes some twenty seconds here, and each step doubles that. */
const maxCost = 18;

const bcryptHash = hidden(
  z
    .string("expected a bcrypt hash in quotes")
    .regex(
      /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/,
      "expected a bcrypt hash, not a password; write one with: htpasswd -nBC 10 \"\" | tr -d ':\\n'",
    )
    .refine((text) => {
      const cost = Number(text.slice(4, 6));
      return cost >= 4 && cost <= maxCost;
    }, `expected a bcrypt hash with a cost from 4 to ${maxCost}; 10 is usual`),
);

const tls = z
  .strictObject({
    cert: z.string().min(1).optional(),
    key: hidden(z.string().min(1)).optional(),
    client_ca: z.string().min(1).optional(),
    cert_file: file().optional(),
    key_file: file().optional(),
    client_ca_file: file().optional(),
    client_auth_type: z.enum(clientAuthTypes).default("NoClientCert"),
    client_allowed_sans: z.array(z.string().min(1)).min(1).optional(),
    min_version: z.enum(keysOf(tlsVersions)).default("TLS12"),
    max_version: z.enum(keysOf(tlsVersions)).default("TLS13"),
    cipher_suites: z
      .array(z.enum(keysOf(cipherSuites)))
      .min(1)
      .optional(),
    prefer_server_cipher_suites: z.boolean().default(true),
    curve_preferences: z
      .array(z.enum(keysOf(curves)))
      .min(1)
      .optional(),
  })
  .superRefine((section, context) => {
    const wrong = (path: keyof typeof section, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    for (const name of ["cert", "key", "client_ca"] as const) {
      const other = `${name}_file` as const;
      if (section[name] !== undefined && section[other] !== undefined) {
        wrong(name, `expected either ${name} or ${other}, not both`);
      }
      if (name !== "client_ca" && section[name] === undefined && section[other] === undefined) {
        wrong(other, `expected ${other}, or ${name} with the PEM text itself`);
      }
    }
    const { client_auth_type: policy, client_allowed_sans: sans } = section;
    const authority = section.client_ca === undefined ? "client_ca_file" : "client_ca";
    if (section[authority] !== undefined && policy === "NoClientCert") {
      wrong(authority, "expected client_auth_type beside it, such as RequireAndVerifyClientCert");
    }
    if (verifyingAuthTypes.includes(policy)) {
      if (policy === "RequireAndVerifyClientCert" && section[authority] === undefined && sans === undefined) {
        wrong(
          "client_auth_type",
          "expected client_ca_file beside it: without, any public authority's would do",
        );
      }
    } else if (sans !== undefined) {
      wrong(
        "client_allowed_sans",
        `expected client_auth_type ${verifyingAuthTypes.toReversed().join(" or ")} beside it: anybody can write a name into a certificate that nobody verifies`,
      );
    }
    if (section.min_version > section.max_version) {
      wrong("min_version", `expected at most max_version, which is ${section.max_version}`);
    }
    if (
      section.max_version === "TLS12" &&
      section.cipher_suites?.every((suite) => modernSuites.includes(suite as CipherSuite))
    ) {
      wrong("cipher_suites", "expected one for TLS 1.2 at least, which max_version asks for");
    }
  });

const headers = z.strictObject({
  "Content-Security-Policy": header().optional(),
  "X-Frame-Options": z.enum(["deny", "sameorigin"]).optional(),
  "X-Content-Type-Options": z.enum(["nosniff"]).optional(),
  "X-XSS-Protection": header().optional(),
  "Strict-Transport-Security": header().optional(),
});

/** A header's value; `X-XSS-Protection: 1` is a number in YAML, and text for the toolkit. */
function header() {
  return z.preprocess(
    (value) => (typeof value === "number" ? String(value) : value),
    z
      .string("expected text")
      .regex(/^[\t\x20-\x7E]*$/, "expected a header's value: printable ASCII on one line"),
  );
}

/** The exporter-toolkit's web configuration (docs/web-configuration.md there), as far as Node can do it. */
export const webConfigSchema = z
  .strictObject({
    tls_server_config: tls.optional(),
    http_server_config: z
      .strictObject({ http2: z.boolean().default(true), headers: headers.default({}) })
      .prefault({}),
    basic_auth_users: z
      .record(z.string().regex(/^[^:\p{Cc}]+$/u, "expected a user without a colon"), bcryptHash)
      .refine(
        (users) => Object.keys(users).length > 0,
        "expected one user at least; leave basic_auth_users out for no authentication",
      )
      .optional(),
    rate_limit: z
      .strictObject({
        interval: z.union([z.literal(0), duration()]).default(0),
        burst: z.int().min(0).max(1_000_000).default(0),
      })
      .refine(({ interval, burst }) => interval === 0 || burst > 0, {
        path: ["burst"],
        message: "expected at least 1: with 0 every request would be refused",
      })
      .optional(),
  })
  .superRefine(({ tls_server_config, http_server_config }, context) => {
    const suites = tls_server_config?.cipher_suites as readonly CipherSuite[] | undefined;
    if (suites === undefined || !http_server_config.http2) return;
    const legacy = suites.filter((suite) => !modernSuites.includes(suite));
    if (legacy.length === 0 || legacy.some((suite) => http2Suites.includes(suite))) return;
    context.addIssue({
      code: "custom",
      path: ["tls_server_config", "cipher_suites"],
      message: `expected ${http2Suites.join(" or ")} among them, which HTTP/2 needs; or set http_server_config.http2 to false`,
    });
  });

export type WebConfig = z.output<typeof webConfigSchema>;
export type TlsSection = NonNullable<WebConfig["tls_server_config"]>;

/** The JSON Schema of the file, for messages about it. */
export function webConfigJsonSchema(): JsonSchema {
  return z.toJSONSchema(webConfigSchema, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
  }) as JsonSchema;
}
