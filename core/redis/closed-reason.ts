import type { Cluster, Redis } from "ioredis";

const reasons = new WeakMap<Redis | Cluster, unknown>();

/** Notes why a client's connections fail: ioredis tells it by events only. */
export function watchReason(client: Redis | Cluster): void {
  const note = (reason: unknown) => reasons.set(client, reason);
  client.on("error", note);
  client.on("node error", note);
}

/** What an error of a watched client really means; most say no more than "Connection is closed.". */
export function reasonOf(error: unknown, client: Redis | Cluster): unknown {
  const vague =
    error instanceof Error &&
    /Connection is closed|Stream isn't writeable|Cluster isn't ready|startup nodes/.test(error.message);
  return vague ? (reasons.get(client) ?? error) : error;
}
