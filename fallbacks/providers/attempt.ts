import { RedisopsError } from "../../core/errors.ts";
import type { ProviderResponse } from "./provider-response.ts";

/**
 * Makes one request to the provider with the credentials of the named account. Rejects when there was no answer. The
 * signal aborts at the attempt's deadline.
 */
export type Attempt = (account: string, signal: AbortSignal) => Promise<ProviderResponse>;

/**
 * Makes an attempt that is over after so many milliseconds, also if it does not heed its signal. Rejects with what it
 * rejects with, or with PROVIDER_UNAVAILABLE at the deadline.
 */
export async function attemptWithin(
  milliseconds: number,
  account: string,
  attempt: Attempt,
): Promise<ProviderResponse> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new RedisopsError(
      "PROVIDER_UNAVAILABLE",
      `account ${account} gave no answer within ${milliseconds} ms`,
    );
    reject(error);
    controller.abort(error);
  }, milliseconds);
  try {
    return await Promise.race([attempt(account, controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
