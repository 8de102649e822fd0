import type { Redis } from "ioredis";
import { withDeadline } from "../deadline.ts";
import { RedisopsError } from "../errors.ts";
import { reasonOf, watchReason } from "./closed-reason.ts";

/** Connects a client. Rejects with the reason. */
async function connectOrReason(client: Redis): Promise<void> {
  watchReason(client);
  try {
    await client.connect();
  } catch (error) {
    throw reasonOf(error, client);
  }
}

/**
 * Asks all servers at once and takes the first answer, so that one that hangs costs nothing as long as another one
 * knows. Where none answers, rejects with an answer that is a RedisopsError, or else with all the reasons. Closes the
 * clients.
 */
export async function firstAnswer<T>(
  clients: readonly Redis[],
  ask: (client: Redis) => Promise<T>,
  deadline: number,
  onTimeout: () => Error,
): Promise<T> {
  const answers = clients.map(async (client) => {
    await connectOrReason(client);
    return ask(client);
  });
  try {
    return await withDeadline(Promise.any(answers), deadline, onTimeout);
  } catch (error) {
    const reasons: unknown[] = error instanceof AggregateError ? error.errors : [];
    throw reasons.find((reason) => reason instanceof RedisopsError) ?? error;
  } finally {
    for (const client of clients) client.disconnect();
  }
}
