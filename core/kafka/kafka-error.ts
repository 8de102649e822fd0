import type { ErrorCodeName } from "../error-codes.ts";
import { messageOf, RedisopsError } from "../errors.ts";
import { kafkaLibrary } from "./client-library.ts";

const denied = [
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
];
const missing = ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "INVALID_TOPIC_EXCEPTION"];

interface Verdict {
  readonly code: ErrorCodeName;
  readonly sentence: string;
}

/** An error and all that it wraps: the client's own search does not look at causes. */
function* withWrapped(error: unknown): Generator<Error> {
  if (!(error instanceof Error)) return;
  yield error;
  if (error instanceof AggregateError) for (const inner of error.errors) yield* withWrapped(inner);
  yield* withWrapped(error.cause);
}

/** The first among an error and what it wraps that has a property of a value. */
export function findWrapped(error: unknown, property: "apiId" | "code", value: string): Error | undefined {
  for (const one of withWrapped(error)) {
    if (property in one && one[property as keyof Error] === value) return one;
  }
  return undefined;
}

function verdictOf(error: Error): Verdict {
  const { AuthenticationError, NetworkError, TimeoutError, UserError } = kafkaLibrary();
  const says = (apiId: string) => findWrapped(error, "apiId", apiId) !== undefined;
  const is = (code: string) => findWrapped(error, "code", code) !== undefined;
  if (denied.some(says) || is(AuthenticationError.code)) {
    return { code: "KAFKA_AUTH", sentence: "rejects the credentials or the permission" };
  }
  // The client itself says so where a broker's answer leaves the topic out.
  const unknown = is(UserError.code) && /^Unknown topic /.test(detailOf(error));
  if (unknown || missing.some(says))
    return { code: "KAFKA_TOPIC_MISSING", sentence: "does not have the topic" };
  if (is(TimeoutError.code) || says("REQUEST_TIMED_OUT")) {
    return { code: "KAFKA_TIMEOUT", sentence: "did not answer before the deadline" };
  }
  if (is(NetworkError.code)) return { code: "KAFKA_UNREACHABLE", sentence: "cannot be reached" };
  return { code: "KAFKA_ERROR", sentence: "answered with an error" };
}

/** The innermost message: the outer ones only count attempts. */
function detailOf(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors.at(-1) : error.cause;
  return inner instanceof Error ? detailOf(inner) : messageOf(error).trim().replace(/\.$/, "");
}

/** Any error of the Kafka client as an error for the reader. `target` names Kafka and its brokers. */
export function kafkaError(error: unknown, target: string): RedisopsError {
  if (error instanceof RedisopsError) return error;
  if (!(error instanceof Error))
    return new RedisopsError("KAFKA_ERROR", `${target}: ${String(error)}`, { target });
  const { code, sentence } = verdictOf(error);
  return new RedisopsError(code, `${target} ${sentence}: ${detailOf(error)}`, { target, cause: error });
}
