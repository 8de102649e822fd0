import { Cluster, type Redis, ReplyError } from "ioredis";
import type { ErrorClass } from "../../catalog/error-class.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { redisErrorClass } from "../../core/redis/redis-error.ts";

/** The server's name where there is but one; also the cluster as a whole. */
export const theServer = "primary";

/** Nodes that are remembered; those of a cluster come and go. */
const maxServers = 1_024;

/**
 * Why the servers of a client are not connected: a command that fails for that says only that the connection is closed,
 * the reason comes as an event, before it. Forgotten when the server is connected again.
 */
export class ConnectionLoss {
  readonly #client: Redis | Cluster;
  readonly #reasons = new Map<string, ErrorClass>();

  constructor(client: Redis | Cluster) {
    this.#client = client;
    client.on("error", (error: unknown) => this.#failed(theServer, error));
    this.#forgetWhenBack(client, theServer);
    if (!(client instanceof Cluster)) return;
    client.on("node error", (error: unknown, server: string) => this.#failed(server, error));
    client.on("+node", (node: Redis) => {
      this.#forgetWhenBack(node, `${node.options.host}:${node.options.port}`);
    });
  }

  /** The connection to a server was given up because of how its commands failed. */
  gaveUp(server: string, reason: ErrorClass): void {
    if (this.#reasons.size >= maxServers) this.#reasons.clear();
    this.#reasons.set(server, reason);
  }

  /** In which way a command to a server failed. `other` only when the server itself answered with some other error. */
  classify(error: unknown, server: string): ErrorClass {
    // It runs a script and answers nothing else: that is no error of one key.
    if (error instanceof ReplyError && messageOf(error).startsWith("BUSY ")) return "timeout";
    const errorClass = redisErrorClass(error);
    // A RedisopsError is what a role made of the server's answer.
    if (error instanceof ReplyError || error instanceof RedisopsError) return errorClass;
    if (errorClass !== "other" && errorClass !== "unreachable") return errorClass;
    const reason = this.#reasons.get(server) ?? this.#reasons.get(theServer);
    if (reason !== undefined) return reason;
    // Neither connected nor refused: whoever should answer the handshake does not.
    const waiting = this.#client.status === "connect" || this.#client.status === "connecting";
    return waiting ? "timeout" : "unreachable";
  }

  #forgetWhenBack(client: Redis | Cluster, server: string): void {
    client.on("ready", () => this.#reasons.delete(server));
    client.on("connect", () => {
      if (this.#reasons.get(server) === "refused") this.#reasons.delete(server);
    });
  }

  #failed(server: string, error: unknown): void {
    const reason = redisErrorClass(error);
    const vague = reason === "other" || reason === "unreachable";
    if (vague && this.#reasons.has(server)) return;
    this.gaveUp(server, vague ? "unreachable" : reason);
  }
}
