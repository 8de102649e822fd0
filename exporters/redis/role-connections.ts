import { performance } from "node:perf_hooks";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import {
  commandError,
  connectNode,
  connectSentinel,
  describeTarget,
  type NodeConnection,
  type SentinelConfig,
} from "../../core/redis/connect.ts";
import { redisError, redisErrorClass } from "../../core/redis/redis-error.ts";
import { type ClusterView, parseClusterNodes } from "./cluster-nodes.ts";
import { settingsToRead } from "./contract-terms.ts";
import { type NodeFacts, type NodeQuestions, readNode } from "./node-facts.ts";
import { readSentinel, type SentinelView } from "./sentinel-view.ts";
import { shardOfKey } from "./slots.ts";
import { singleShard, type Topology, type TopologyNode } from "./topology.ts";
import { youngest } from "./youngest.ts";

/**
 * Servers as they were last seen, by role and where it is configured to be: of a cluster one that answers is enough to
 * find the others, and where nobody can tell the topology they are looked at all the same.
 */
export type KnownNodes = Map<string, readonly TopologyNode[]>;

/**
 * A cluster's nodes that are asked for their view of it. Each view names every node, so that asking all of them would cost
 * the square of their number.
 */
export const mostViews = 24;

/** What a role's connections need of the run that they are opened in. */
export interface RunContext {
  /** Milliseconds that are left. */
  left(): number;
  trace(line: string): void;
}

/**
 * A role's servers during one run of its probes. Each is connected to when it is first asked for, once, and all probes of
 * the run share the connection. Each node of a cluster has a connection of its own, so that one that is down does not
 * hide the others.
 */
export class RoleConnections {
  readonly role: RedisRole;
  readonly config: RedisConnectionConfig;
  readonly #context: RunContext;
  readonly #known: KnownNodes;
  readonly #questions: NodeQuestions;
  readonly #nodes = new Map<string, Promise<NodeConnection>>();
  readonly #sentinels = new Map<string, Promise<SentinelView>>();
  readonly #views = new Map<string, Promise<ClusterView>>();
  readonly #facts = new Map<string, Promise<NodeFacts>>();
  #topology: Promise<Topology> | undefined;
  #closed = false;

  constructor(role: RedisRole, config: RedisConnectionConfig, context: RunContext, known: KnownNodes) {
    this.role = role;
    this.config = config;
    this.#context = context;
    this.#known = known;
    this.#questions = { clusterInfo: config.topology === "cluster", settings: settingsToRead(role, config) };
  }

  /** Which servers the role consists of now. Rejects with a RedisopsError when nobody can tell. */
  topology(): Promise<Topology> {
    this.#topology ??= this.#discover();
    return this.#topology;
  }

  /** The role's servers as they were last seen, in this run or an earlier one; those that are configured, if never. */
  knownNodes(): readonly TopologyNode[] {
    const { config } = this;
    const known = this.#known.get(describeTarget(this.role, config));
    if (known !== undefined || config.topology !== "cluster") return known ?? [];
    return [...new Set(config.nodes)].map((address) => ({
      address,
      kind: "primary",
      shard: undefined,
      declaredDown: false,
    }));
  }

  /** What one of the role's data servers says of itself, asked once a run. Rejects with a RedisopsError. */
  facts(address: string): Promise<NodeFacts> {
    return this.#once(this.#facts, address, async () => readNode(await this.node(address), this.#questions));
  }

  /** How one of the nodes of a cluster sees all of them. Rejects with a RedisopsError. */
  clusterView(address: string): Promise<ClusterView> {
    return this.#once(this.#views, address, () => this.#clusterView(address));
  }

  /** A connection to one of the role's data servers. Rejects with a RedisopsError. */
  node(address: string): Promise<NodeConnection> {
    return this.#once(this.#nodes, address, () => {
      const target = `${this.role} Redis at ${address}${this.#within()}`;
      return this.#traced(target, connectNode(this.config, address, target, this.#timeouts()));
    });
  }

  /** What a Sentinel knows. Rejects with a RedisopsError. */
  sentinel(config: SentinelConfig, address: string): Promise<SentinelView> {
    return this.#once(this.#sentinels, address, async () => {
      const target = `${this.role} Sentinel at ${address}`;
      const connection = await this.#traced(
        target,
        connectSentinel(config, address, target, this.#timeouts()),
      );
      try {
        return await readSentinel(connection, config.primary);
      } catch (error) {
        throw this.#sentinelError(error, connection);
      } finally {
        connection.close();
      }
    });
  }

  /** A connection to the server that takes writes of a key. Rejects with a RedisopsError. */
  async primaryFor(key: string): Promise<NodeConnection> {
    const { kind, shards } = await this.topology();
    const shard = kind === "cluster" ? shardOfKey(shards, key) : shards[0];
    if (shard === undefined) throw this.#unserved("does not serve the key’s slot");
    return this.node(shard.primary);
  }

  /** Closes what was opened, and what is still being opened. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#nodes.values()) {
      connection.then(
        ({ close }) => close(),
        () => undefined,
      );
    }
  }

  async #discover(): Promise<Topology> {
    const { config } = this;
    try {
      switch (config.topology) {
        case "standalone":
          return singleShard(
            "standalone",
            { address: config.address, declaredDown: false },
            undefined,
            undefined,
          );
        case "sentinel": {
          const views = config.sentinels.map((address) => this.sentinel(config, address));
          return this.#remembered((await youngest(views)).topology);
        }
        case "cluster": {
          const known = this.knownNodes().map(({ address }) => address);
          const seeds = [...new Set([...config.nodes, ...known])].slice(0, mostViews);
          const { topology } = await youngest(seeds.map((address) => this.clusterView(address)));
          if (topology.shards.length === 0) throw this.#unserved("serves no slot at all");
          return this.#remembered(topology);
        }
      }
    } catch (error) {
      throw this.#unanswered(error);
    }
  }

  #remembered(topology: Topology): Topology {
    this.#known.set(describeTarget(this.role, this.config), topology.nodes);
    return topology;
  }

  async #clusterView(address: string): Promise<ClusterView> {
    const connection = await this.node(address);
    try {
      const view = parseClusterNodes(String(await connection.client.cluster("NODES")), address);
      // The others may know it by another address; it is the same connection all the same.
      if (view.self !== undefined && !this.#nodes.has(view.self)) {
        this.#nodes.set(view.self, Promise.resolve(connection));
      }
      if (view.self !== undefined && !this.#views.has(view.self)) {
        this.#views.set(view.self, Promise.resolve(view));
      }
      return view;
    } catch (error) {
      throw commandError(error, connection);
    }
  }

  #once<T>(cache: Map<string, Promise<T>>, address: string, open: () => Promise<T>): Promise<T> {
    const known = cache.get(address);
    if (known !== undefined) return known;
    const opened = open();
    // Whoever asked hears of it; nobody else need.
    opened.catch(() => undefined);
    cache.set(address, opened);
    return opened;
  }

  async #traced(target: string, connecting: Promise<NodeConnection>): Promise<NodeConnection> {
    const started = performance.now();
    try {
      const connection = await connecting;
      if (this.#closed) connection.close();
      this.#context.trace(`connected to ${target} in ${(performance.now() - started).toFixed(1)} ms`);
      return connection;
    } catch (error) {
      const after = (performance.now() - started).toFixed(1);
      this.#context.trace(`${redisError(error, target).message} (after ${after} ms)`);
      throw error;
    }
  }

  #timeouts() {
    return { connect: this.#context.left(), command: this.#context.left() };
  }

  /** Which servers the address was learned from. */
  #within(): string {
    const { config } = this;
    return config.topology === "sentinel"
      ? ` (Sentinels ${config.sentinels.join(", ")}, primary ${config.primary})`
      : "";
  }

  #unserved(what: string): RedisopsError {
    const target = describeTarget(this.role, this.config);
    return new RedisopsError("REDIS_CLUSTER_DOWN", `${target} ${what}`, { target });
  }

  #sentinelError(error: unknown, connection: NodeConnection): RedisopsError {
    const unknown = error instanceof Error && /No such master/i.test(error.message);
    if (!unknown) return commandError(error, connection);
    const whole = describeTarget(this.role, this.config);
    return new RedisopsError("REDIS_ERROR", `${whole}: the Sentinels know no primary of that name`, {
      target: whole,
      next: "Compare the role’s primary in redisops.yaml with the Sentinels’ configuration.",
    });
  }

  /** Of all the reasons why nobody could tell the topology, the most telling one. */
  #unanswered(error: unknown): RedisopsError {
    const target = describeTarget(this.role, this.config);
    if (!(error instanceof AggregateError)) return redisError(error, target);
    const reasons = error.errors.map((reason) => redisError(reason, target));
    const telling =
      reasons.find((reason) => reason.code === "REDIS_ERROR") ??
      reasons.find((reason) => redisErrorClass(reason) !== "unreachable") ??
      reasons[0] ??
      redisError(error, target);
    if (telling.message.startsWith(target)) return telling;
    return new RedisopsError(telling.code, `${target}: none can tell where the data is: ${telling.message}`, {
      target,
      next: telling.next,
      cause: error,
    });
  }
}
