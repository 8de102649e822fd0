import { z } from "zod";
import { durationPattern } from "../duration.ts";
import { Secret, secretReferencePattern } from "./secret.ts";

/** `host:port`, the host being a name, an IPv4 address or an IPv6 address in brackets. */
export const address = () =>
  z
    .string()
    .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/, "expected host:port")
    .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65535, "expected a port up to 65535");

const durationAdvice = "expected a duration such as 30s or 1m30s";

/** A time span such as `30s` or `1m30s`. */
export const duration = () => z.string(durationAdvice).regex(durationPattern, durationAdvice);

/** A time span that is longer than nothing. */
export const positiveDuration = () =>
  duration().refine((text) => /[1-9]/.test(text), "expected a duration above 0");

/** Address of an HTTP service; credentials have no place in it. */
export const httpUrl = () =>
  z
    .url({ protocol: /^https?$/ })
    .refine((text) => !/^https?:\/\/[^/]*@/i.test(text), "expected a URL without credentials");

/** `${NAME}` of an environment variable, or `file:/path`. A secret in plain text is refused. */
export const secret = () =>
  z
    .string()
    .regex(secretReferencePattern, "expected a reference: ${NAME} of an environment variable, or file:/path")
    .transform((reference) => new Secret(reference));

/** Name of an HTTP header (RFC 9110: a token). */
export const headerName = () => z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "expected a header's name");

/** A SQL name, optionally with its schema; quoted wherever it is used. */
export const sqlName = () =>
  z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?$/, "expected a table or column name");

/** A name that becomes a label value: short, lower case. */
export const labelName = () =>
  z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9_-]{0,39}$/,
      "expected up to 40 lower-case letters, digits, dashes or underscores",
    );

/** A Redis key pattern that must contain each of the given placeholders. */
export const keyPattern = (...placeholders: string[]) =>
  z
    .string()
    .min(1)
    .refine(
      (text) => placeholders.every((placeholder) => text.includes(placeholder)),
      `expected a key that contains ${placeholders.join(" and ")}`,
    );
