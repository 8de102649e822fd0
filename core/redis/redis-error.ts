import type { ErrorClass } from "../../catalog/error-class.ts";
import type { ErrorCodeName } from "../error-codes.ts";
import { messageOf, RedisopsError } from "../errors.ts";

/** How Redis can fail. */
type RedisErrorClass = Exclude<ErrorClass, "exhausted">;

const codeOfClass: Readonly<Record<RedisErrorClass, ErrorCodeName>> = {
  refused: "REDIS_REFUSED",
  timeout: "REDIS_TIMEOUT",
  unreachable: "REDIS_UNREACHABLE",
  auth: "REDIS_AUTH",
  loading: "REDIS_LOADING",
  readonly: "REDIS_READONLY",
  out_of_memory: "REDIS_OUT_OF_MEMORY",
  write_refused: "REDIS_WRITE_REFUSED",
  cluster_down: "REDIS_CLUSTER_DOWN",
  other: "REDIS_ERROR",
};

/** Whether a cluster's node answered that the key's slot is another's now, or on its way there. */
export function slotHasMoved(error: unknown): boolean {
  return error instanceof Error && /^(?:MOVED|ASK|TRYAGAIN)\b/.test(error.message);
}

/** What TLS says when the server's certificate is not the one that was expected, or it speaks no TLS. */
const tlsFailure = /certificate|SSL routines|EPROTO|ERR_TLS/i;

const classOfReply: readonly (readonly [RegExp, RedisErrorClass])[] = [
  [/^(?:NOAUTH|WRONGPASS|NOPERM|DENIED)\b|invalid (?:username-)?password|AUTH <password> called/i, "auth"],
  [/^LOADING\b/, "loading"],
  [/^READONLY\b/, "readonly"],
  [/^OOM\b/, "out_of_memory"],
  [/^(?:MISCONF|NOREPLICAS)\b/, "write_refused"],
  [/^(?:CLUSTERDOWN|MASTERDOWN)\b/, "cluster_down"],
  [/ECONNREFUSED/, "refused"],
  [/ETIMEDOUT|timed out|^timeout$/i, "timeout"],
  [
    /EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ECONNRESET|EPIPE|Connection is closed|Stream isn't writeable|Cluster isn't ready|unreachable/i,
    "unreachable",
  ],
  [tlsFailure, "unreachable"],
];

interface Verdict {
  readonly errorClass: RedisErrorClass;
  /** The message that says so. */
  readonly message: string;
}

function classify(message: string): Verdict {
  return { errorClass: classOfReply.find(([pattern]) => pattern.test(message))?.[1] ?? "other", message };
}

/** An error and all that it wraps. */
function withWrapped(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [error];
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  const last = "lastNodeError" in error ? [error.lastNodeError] : [];
  // What made the server discard a transaction.
  const before = "previousErrors" in error && Array.isArray(error.previousErrors) ? error.previousErrors : [];
  return [error, ...[...inner, ...last, ...before, error.cause].filter(Boolean).flatMap(withWrapped)];
}

/** Everything that an error says: its own message, its code, and those of the errors it wraps. */
function allMessages(error: unknown): string[] {
  return withWrapped(error).flatMap((one) => {
    const own = one instanceof AggregateError && one.errors.length > 0 ? [] : [messageOf(one)];
    return one instanceof Error && "code" in one ? [...own, String(one.code)] : own;
  });
}

/** The first specific verdict among an error and what it wraps. */
function verdictOf(error: unknown): Verdict {
  const verdicts = allMessages(error).map(classify);
  return (
    verdicts.find(({ errorClass }) => errorClass !== "other" && errorClass !== "unreachable") ??
    verdicts.find(({ errorClass }) => errorClass === "unreachable") ??
    verdicts[0] ?? { errorClass: "other", message: messageOf(error) }
  );
}

/** In which way Redis failed. */
export function redisErrorClass(error: unknown): RedisErrorClass {
  if (!(error instanceof RedisopsError)) return verdictOf(error).errorClass;
  if (error.code === "PROBE_TIMEOUT") return "timeout";
  const known = Object.entries(codeOfClass).find(([, code]) => code === error.code);
  return known === undefined ? "other" : (known[0] as RedisErrorClass);
}

const sentences: Readonly<Record<RedisErrorClass, string>> = {
  refused: "refused the connection",
  timeout: "did not answer before the deadline",
  unreachable: "cannot be reached",
  auth: "rejects the credentials or the permission",
  loading: "is still loading its data set",
  readonly: "is a read-only replica",
  out_of_memory: "refuses writes at its memory limit",
  write_refused: "refuses writes",
  cluster_down: "does not serve the slot",
  other: "answered with an error",
};

/** Classes whose sentence leaves open what exactly happened. */
const detailed: readonly RedisErrorClass[] = ["unreachable", "auth", "write_refused", "other"];

/** ioredis attaches the command with its arguments, among them passwords and keys, to the server's error replies. */
function withoutArguments(error: unknown): unknown {
  for (const one of withWrapped(error)) {
    if (one instanceof Error && "command" in one) delete one.command;
  }
  return error;
}

/** Any error of a Redis call as an error for the reader. `target` names the role and the address. */
export function redisError(error: unknown, target: string): RedisopsError {
  if (error instanceof RedisopsError) return error;
  const { errorClass, message } = verdictOf(error);
  const overTls = errorClass === "unreachable" && tlsFailure.test(message);
  const detail = detailed.includes(errorClass) ? `: ${message.trim().replace(/\.$/, "")}` : "";
  return new RedisopsError(
    codeOfClass[errorClass],
    `${target} ${sentences[errorClass]}${overTls ? " over TLS" : ""}${detail}`,
    {
      target,
      next: overTls
        ? "Compare tls.ca_file and tls.server_name of the role with the server’s certificate."
        : undefined,
      cause: withoutArguments(error),
    },
  );
}
