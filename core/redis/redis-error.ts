import type { ErrorClass } from "../../catalog/error-class.ts";
import type { ErrorCodeName } from "../error-codes.ts";
import { messageOf, RedisopsError } from "../errors.ts";

const codeOfClass: Readonly<Record<ErrorClass, ErrorCodeName>> = {
  refused: "REDIS_REFUSED",
  timeout: "REDIS_TIMEOUT",
  unreachable: "REDIS_UNREACHABLE",
  auth: "REDIS_AUTH",
  loading: "REDIS_LOADING",
  readonly: "REDIS_READONLY",
  out_of_memory: "REDIS_OUT_OF_MEMORY",
  cluster_down: "REDIS_CLUSTER_DOWN",
  other: "REDIS_ERROR",
};

const classOfReply: readonly (readonly [RegExp, ErrorClass])[] = [
  [/^(?:NOAUTH|WRONGPASS|NOPERM)\b|invalid (?:username-)?password|AUTH <password> called/i, "auth"],
  [/^LOADING\b/, "loading"],
  [/^READONLY\b/, "readonly"],
  [/^OOM\b/, "out_of_memory"],
  [/^(?:CLUSTERDOWN|MASTERDOWN)\b/, "cluster_down"],
  [/ECONNREFUSED/, "refused"],
  [/ETIMEDOUT|timed out/i, "timeout"],
  [
    /EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ECONNRESET|EPIPE|Connection is closed|unreachable/i,
    "unreachable",
  ],
];

function classify(message: string): ErrorClass {
  return classOfReply.find(([pattern]) => pattern.test(message))?.[1] ?? "other";
}

/** Everything that an error says: its own message, its code, and those of the errors it wraps. */
function allMessages(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  const wrapped = "lastNodeError" in error ? [error.lastNodeError] : [];
  const code = "code" in error ? [String(error.code)] : [];
  return [
    error.message,
    ...code,
    ...[...inner, ...wrapped, error.cause].filter(Boolean).flatMap(allMessages),
  ];
}

/** In which way Redis failed. The first specific class among an error and what it wraps wins. */
export function redisErrorClass(error: unknown): ErrorClass {
  if (error instanceof RedisopsError) {
    const known = Object.entries(codeOfClass).find(([, code]) => code === error.code);
    return known === undefined ? "other" : (known[0] as ErrorClass);
  }
  const classes = allMessages(error).map(classify);
  return (
    classes.find((found) => found !== "other" && found !== "unreachable") ??
    classes.find((found) => found === "unreachable") ??
    "other"
  );
}

const sentences: Readonly<Record<ErrorClass, string>> = {
  refused: "refused the connection",
  timeout: "did not answer before the deadline",
  unreachable: "cannot be reached",
  auth: "rejects the credentials or the permission",
  loading: "is still loading its data set",
  readonly: "is a read-only replica",
  out_of_memory: "refuses writes at its memory limit",
  cluster_down: "does not serve the slot",
  other: "answered with an error",
};

/** Any error of a Redis call as an error for the reader. `target` names the role and the address. */
export function redisError(error: unknown, target: string): RedisopsError {
  if (error instanceof RedisopsError) return error;
  const errorClass = redisErrorClass(error);
  const detail = errorClass === "other" || errorClass === "auth" ? `: ${messageOf(error)}` : "";
  return new RedisopsError(codeOfClass[errorClass], `${target} ${sentences[errorClass]}${detail}`, {
    target,
    cause: error,
  });
}
