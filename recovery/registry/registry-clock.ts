import { Cluster } from "ioredis";
import { commandError, connectRedis, type RedisConnection } from "../../core/redis/connect.ts";
import { type RegistryConfig, redisTimeouts } from "./registry-source.ts";

/** Milliseconds after which the registry is asked anew. */
const REFRESH_MS = 5_000;

/** The registry's time; of several primaries that of the one furthest ahead. */
export class RegistryClock {
  readonly #connection: RedisConnection;
  #aheadMs = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  private constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  static async open(role: RegistryConfig): Promise<RegistryClock> {
    const clock = new RegistryClock(await connectRedis("registry", role, redisTimeouts));
    try {
      await clock.refresh();
      return clock;
    } catch (error) {
      clock.close();
      throw error;
    }
  }

  /** Asks the registry, where it was not asked of late. Rejects with a RedisopsError. */
  async refresh(): Promise<void> {
    if (performance.now() - this.#askedAt < REFRESH_MS) return;
    const { client } = this.#connection;
    try {
      const nodes = client instanceof Cluster ? client.nodes("master") : [client];
      const times = await Promise.all(nodes.map((node) => node.time()));
      const [ms] = times
        .map(([seconds, micros]) => Number(seconds) * 1000 + Number(micros) / 1000)
        .sort((a, b) => b - a);
      this.#askedAt = performance.now();
      this.#aheadMs = (ms ?? Date.now()) - this.#askedAt;
    } catch (error) {
      throw commandError(error, this.#connection);
    }
  }

  nowMs(): number {
    return Math.ceil(performance.now() + this.#aheadMs);
  }

  close(): void {
    this.#connection.close();
  }
}
