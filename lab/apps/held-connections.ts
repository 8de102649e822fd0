import { register } from "prom-client";
import type { Config } from "../../core/config/schema.ts";
import { connectRedis } from "../../core/redis/connect.ts";
import { type Connection, registryKeys } from "../../core/registry/entry.ts";
import { RegistryClient, type RegistryOptions } from "../../fallbacks/registry/registry-client.ts";
import { Signals } from "../../fallbacks/signals/signals.ts";
import { section } from "../platform/settings.ts";

/** Heartbeats at a time. */
const concurrency = 32;
/** Longest time for the registry's answers to what only prolongs, in milliseconds. */
const deadlineMs = 2_000;

type Options = RegistryOptions & { readonly ttlMs: number };

/** A connection server's connections in the registry, and the way in which its heartbeats keep them there. */
export class HeldConnections {
  readonly #config: Config;
  readonly #options: Options;
  readonly #connections: readonly Connection[];
  #client: RegistryClient;
  #forget: (() => void) | undefined;

  constructor(config: Config, options: Options, connections: Iterable<Connection>) {
    this.#config = config;
    this.#options = options;
    this.#connections = [...connections];
    this.#client = this.#open();
  }

  /** Enters all connections, as soon as the registry answers. */
  async enter(): Promise<void> {
    await this.#client.ready(5_000);
    await Promise.all(this.#connections.map((connection) => this.#client.register(connection)));
  }

  async beat(): Promise<void> {
    if (this.#forget === undefined) await this.#client.heartbeatAll(this.#connections, concurrency);
    else await this.#prolong();
  }

  /**
   * Lets heartbeats write entries that are gone, as the library does, or only prolong those that are there, as an
   * application's do that sends nothing but EXPIRE. The connections are reported to Prometheus all the same.
   */
  keep(entries: "written" | "prolonged"): void {
    if (entries === "written" && this.#forget !== undefined) {
      this.#forget();
      this.#forget = undefined;
      this.#client = this.#open();
    }
    if (entries === "prolonged" && this.#forget === undefined) {
      this.#client.close();
      const count = () => this.#connections.length;
      this.#forget = Signals.of(register).gauge("redisops_registry_connections", { role: "registry" }, count);
    }
  }

  /** Takes the entries out of the registry, as far as it is reached. */
  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => this.#client.unregister(connection)));
    this.#client.close();
  }

  #open(): RegistryClient {
    return new RegistryClient(section(this.#config, "registry"), this.#options);
  }

  async #prolong(): Promise<void> {
    const role = section(this.#config, "registry");
    const keyOf = registryKeys(role.key);
    const { client, close } = await connectRedis("registry", role, {
      connect: deadlineMs,
      command: deadlineMs,
    });
    try {
      const commands = this.#connections.map(({ userId }) => ["pexpire", keyOf(userId), this.#options.ttlMs]);
      await client.pipeline(commands).exec();
    } finally {
      close();
    }
  }
}
