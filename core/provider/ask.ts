import { messageOf, RedisopsError } from "../errors.ts";
import type { ProviderRequest } from "./request.ts";

/** Why fetch failed, in words; it hides the reason behind “fetch failed”. */
function reasonOf(error: unknown, milliseconds: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${milliseconds} ms`;
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  // Where several addresses of a name were tried, the message is empty.
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return messageOf(cause) || code;
}

/**
 * Makes a request of a provider. `address` is for messages. Rejects with PROVIDER_UNAVAILABLE where there is no answer
 * within so many milliseconds.
 */
export async function askProvider(
  request: ProviderRequest,
  address: string,
  milliseconds: number,
): Promise<Response> {
  const { method, url, headers } = request;
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal: AbortSignal.timeout(milliseconds),
      redirect: "manual",
    });
    await response.body?.cancel();
    return response;
  } catch (error) {
    const reason = reasonOf(error, milliseconds);
    throw new RedisopsError("PROVIDER_UNAVAILABLE", `${address} did not answer: ${reason}`, {
      target: address,
    });
  }
}
