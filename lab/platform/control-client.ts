import { request } from "node:http";
import { type ErrorCodeName, errorCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";

/** A fault may take as long as a cluster needs to settle. */
const deadlineMs = 120_000;

/**
 * Asks the supervisor behind a control socket.
 *
 * @throws RedisopsError what the supervisor says; LAB_FAILED when it does not answer.
 */
export async function askSupervisor<T>(
  socket: string,
  method: "GET" | "POST",
  path: string,
  body?: object,
): Promise<T> {
  const { status, text } = await exchange(socket, method, path, body);
  const answer: unknown = JSON.parse(text);
  if (status === 200) return answer as T;
  throw toldError(answer);
}

function exchange(
  socket: string,
  method: string,
  path: string,
  body: object | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(
        new RedisopsError("LAB_FAILED", `The lab does not answer: ${messageOf(error)}`, { cause: error }),
      );
    const asking = request(
      { socketPath: socket, method, path, signal: AbortSignal.timeout(deadlineMs) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", fail);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    asking.once("error", fail);
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function toldError(answer: unknown): RedisopsError {
  const { error } = answer as { error?: { code?: string; message?: string; next?: string } };
  const code =
    error?.code !== undefined && error.code in errorCodes ? (error.code as ErrorCodeName) : "LAB_FAILED";
  return new RedisopsError(code, error?.message ?? "The lab refuses", { next: error?.next });
}
