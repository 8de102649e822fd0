import { Redis } from "ioredis";

/** How {@link withRedis} works. */
export interface WithRedisOptions {
  /** Of the default user; none unless given. */
  readonly password?: string | undefined;
  /** Milliseconds that connecting, and each command, may take; 30,000 unless given. */
  readonly deadlineMs?: number;
}

/**
 * Works on the server at 127.0.0.1:`port` with a client of its own, also while the server is loading. Meant for what
 * surrounds a test or a demo: the product has clients of its own.
 *
 * @throws whatever `work` throws; its commands are rejected when the server is unreachable or the deadline passes.
 */
export async function withRedis<T>(
  port: number,
  work: (client: Redis) => Promise<T>,
  options: WithRedisOptions = {},
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? 30_000;
  const client = new Redis({
    host: "127.0.0.1",
    port,
    protocol: 2,
    enableReadyCheck: false,
    connectTimeout: deadlineMs,
    commandTimeout: deadlineMs,
    ...(options.password !== undefined && { password: options.password }),
  });
  client.on("error", () => undefined); // rejects the command as well
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}
