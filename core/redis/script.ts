import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";

/** A Lua script with the digest that the server's script cache knows it by. */
export class RedisScript {
  readonly source: string;
  /** SHA-1 of the source in hexadecimal digits, for EVALSHA. */
  readonly digest: string;

  constructor(source: string) {
    this.source = source;
    this.digest = createHash("sha1").update(source).digest("hex");
  }

  /**
   * Runs it on the keys, which must share a slot. One round trip; a second one where the server does not know the script
   * yet. Rejects with what ioredis rejects with.
   */
  async run(
    client: Redis | Cluster,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await client.evalsha(this.digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return client.eval(this.source, keys.length, ...keys, ...args);
    }
  }
}
