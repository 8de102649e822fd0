import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import { toRedisopsError } from "../../../core/errors.ts";
import { commandError, connectNode, type NodeConnection } from "../../../core/redis/connect.ts";
import type { CausedFault } from "../target.ts";

/** Length of one pause, in milliseconds; the next one is asked for while it lasts. */
const sliceMs = 1_000;
/** Pauses that wait at the server while one lasts; with it they are what outlives a redisops that hangs. */
const ahead = 2;

/** Seconds after which the servers answer again at the latest, whatever becomes of redisops and the network. */
export const pauseEndsWithinSeconds: number = ((ahead + 1) * sliceMs) / 1_000;

/** Longest time to connect, and for a pause to begin, in milliseconds. */
const timeouts = { connect: 5_000, command: 30_000 };

/**
 * Keeps one server from answering anybody for as long as this connection lives: CLIENT PAUSE in short slices, each asked
 * for ahead. A paused server takes up commands in the order in which they came, so that the next pause goes before all
 * that has waited behind this one, and CLIENT UNPAUSE would have to wait as well.
 */
class Pause {
  readonly #connection: NodeConnection;
  #ended = false;

  constructor(connection: NodeConnection) {
    this.#connection = connection;
  }

  /** Resolves when the server pauses. Rejects with a RedisopsError, for example where the user may not pause it. */
  async begin(): Promise<void> {
    try {
      await this.#slice();
    } catch (error) {
      throw commandError(error, this.#connection);
    }
    for (let lane = 0; lane < ahead; lane += 1) void this.#renew();
  }

  /** The server answers again within one slice. */
  end(): void {
    this.#ended = true;
    this.#connection.close();
  }

  #slice(): Promise<unknown> {
    return this.#connection.client.call("CLIENT", "PAUSE", String(sliceMs), "ALL");
  }

  async #renew(): Promise<void> {
    try {
      while (!this.#ended) await this.#slice();
    } catch {
      // Its end, or the server's: either way nobody is kept waiting any more.
    }
  }
}

/**
 * Pauses servers of a role: connections stay, and nothing is answered. Rejects with a RedisopsError where one of them
 * cannot be paused; then none of them is.
 */
export async function pauseServers(
  role: string,
  config: RedisConnectionConfig,
  addresses: readonly string[],
): Promise<CausedFault> {
  const pauses: Pause[] = [];
  const end = () => {
    for (const pause of pauses) pause.end();
  };
  try {
    const connecting = await Promise.allSettled(
      addresses.map((address) => connectNode(config, address, `${role} Redis at ${address}`, timeouts)),
    );
    for (const each of connecting) if (each.status === "fulfilled") pauses.push(new Pause(each.value));
    for (const each of connecting) if (each.status === "rejected") throw each.reason;
    await Promise.all(pauses.map((pause) => pause.begin()));
  } catch (error) {
    end();
    throw toRedisopsError(error);
  }
  return { what: `${addresses.join(", ")}: paused, answers nobody`, undo: async () => end() };
}
