import { Cluster, Redis } from "ioredis";
import type { RedisRole } from "../../catalog/roles.ts";
import { splitAddress } from "../address.ts";
import type { RedisConnectionConfig } from "../config/redis-section.ts";
import { withDeadline } from "../deadline.ts";
import { RedisopsError } from "../errors.ts";
import { type ClientOptions, clientOptions, type RedisTimeouts } from "./client-options.ts";
import { reasonOf, watchReason } from "./closed-reason.ts";
import { firstAnswer } from "./first-answer.ts";
import { redisError } from "./redis-error.ts";

type RedisClient = Redis | Cluster;

/** An open connection to a role. It never reconnects by itself: a lost server is an error, not a wait. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** The role and its address, for messages. */
  readonly target: string;
  close(): void;
}

export type SentinelConfig = Topology<"sentinel">;
type Topology<Name> = Extract<RedisConnectionConfig, { topology: Name }>;

/** What is needed while a connection comes about. */
interface Attempt {
  readonly target: string;
  readonly options: ClientOptions;
  /** Milliseconds that are left of the time to connect. */
  left(): number;
  onTimeout(): RedisopsError;
}

/** The role and where it is configured to be, such as `dedup Redis at 127.0.0.1:6380`. */
export function describeTarget(role: RedisRole, config: RedisConnectionConfig): string {
  switch (config.topology) {
    case "standalone":
      return `${role} Redis at ${config.address}`;
    case "sentinel":
      return `${role} Redis (primary ${config.primary} of Sentinels ${config.sentinels.join(", ")})`;
    case "cluster":
      return `${role} Redis Cluster at ${config.nodes.join(", ")}`;
  }
}

async function open(
  client: RedisClient,
  target: string,
  attempt: Pick<Attempt, "left" | "onTimeout">,
): Promise<RedisConnection> {
  watchReason(client);
  try {
    await withDeadline(client.connect(), attempt.left(), attempt.onTimeout);
  } catch (error) {
    client.disconnect();
    throw redisError(reasonOf(error, client), target);
  }
  return { client, target, close: () => client.disconnect() };
}

/** A connection to a single server. */
export interface NodeConnection extends RedisConnection {
  readonly client: Redis;
}

/**
 * Connects to one server with a role's credentials, whatever the role's topology. `target` is for messages. Rejects with
 * a RedisopsError, at the latest when `timeouts.connect` is over.
 */
export async function connectNode(
  config: RedisConnectionConfig,
  address: string,
  target: string,
  timeouts: RedisTimeouts,
): Promise<NodeConnection> {
  const client = new Redis({ ...clientOptions(config, target, timeouts), ...splitAddress(address) });
  return openNode(client, target, timeouts);
}

/** Connects to one of a role's Sentinels, with the Sentinels' own password. Rejects as {@link connectNode} does. */
export async function connectSentinel(
  config: SentinelConfig,
  address: string,
  target: string,
  timeouts: RedisTimeouts,
): Promise<NodeConnection> {
  const access = { username: undefined, password: config.sentinel_password?.reveal() };
  const client = new Redis({
    ...clientOptions(config, target, timeouts),
    ...access,
    ...splitAddress(address),
  });
  return openNode(client, target, timeouts);
}

async function openNode(client: Redis, target: string, { connect }: RedisTimeouts): Promise<NodeConnection> {
  const onTimeout = () => timeoutError(target);
  const connection = await open(client, target, { left: () => connect, onTimeout });
  return { ...connection, client };
}

function timeoutError(target: string): RedisopsError {
  return new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target });
}

/** Where the Sentinels say that the primary is. */
async function primaryAddress(config: Topology<"sentinel">, attempt: Attempt): Promise<[string, number]> {
  const password = config.sentinel_password?.reveal();
  const sentinels = config.sentinels.map(
    (address) => new Redis({ ...attempt.options, username: undefined, password, ...splitAddress(address) }),
  );
  const ask = async (sentinel: Redis): Promise<[string, number]> => {
    const reply = await sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", config.primary);
    if (Array.isArray(reply)) return [String(reply[0]), Number(reply[1])];
    throw new RedisopsError("REDIS_ERROR", `${attempt.target}: the Sentinels know no primary of that name`, {
      target: attempt.target,
      next: "Compare the role’s primary in redisops.yaml with the Sentinels’ configuration.",
    });
  };
  return firstAnswer(sentinels, ask, attempt.left(), attempt.onTimeout);
}

/** The address of a node that knows who serves the slots. */
async function knowingNode(config: Topology<"cluster">, attempt: Attempt): Promise<string> {
  const addresses = new Map(
    config.nodes.map((address) => [new Redis({ ...attempt.options, ...splitAddress(address) }), address]),
  );
  const ask = async (node: Redis): Promise<string> => {
    if ((await node.cluster("SLOTS")).length > 0) return addresses.get(node) ?? "";
    throw new RedisopsError("REDIS_CLUSTER_DOWN", `${attempt.target} serves no slot at all`, {
      target: attempt.target,
    });
  };
  return firstAnswer([...addresses.keys()], ask, attempt.left(), attempt.onTimeout);
}

function clusterClient(node: string, attempt: Attempt): Cluster {
  return new Cluster([splitAddress(node)], {
    lazyConnect: true,
    enableReadyCheck: false,
    // Its connections to nodes come about with the first command; the commands after it have to wait for that.
    enableOfflineQueue: true,
    clusterRetryStrategy: () => null,
    retryDelayOnClusterDown: 0,
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: attempt.left(),
    // Certificates are issued to names.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: attempt.options,
  });
}

/**
 * Connects to a role. Rejects with a RedisopsError whose code tells refused, hung, unreachable and rejected
 * credentials apart, at the latest when `timeouts.connect` is over.
 */
export async function connectRedis(
  role: RedisRole,
  config: RedisConnectionConfig,
  timeouts: RedisTimeouts,
): Promise<RedisConnection> {
  const target = describeTarget(role, config);
  const end = performance.now() + timeouts.connect;
  const attempt: Attempt = {
    target,
    options: clientOptions(config, target, timeouts),
    left: () => end - performance.now(),
    onTimeout: () => timeoutError(target),
  };
  try {
    switch (config.topology) {
      case "standalone":
        return await open(
          new Redis({ ...attempt.options, ...splitAddress(config.address) }),
          target,
          attempt,
        );
      case "sentinel": {
        const [host, port] = await primaryAddress(config, attempt);
        const found = `${role} Redis at ${host}:${port} (primary ${config.primary} of Sentinels ${config.sentinels.join(", ")})`;
        return await open(new Redis({ ...attempt.options, host, port }), found, attempt);
      }
      case "cluster":
        return await open(clusterClient(await knowingNode(config, attempt), attempt), target, attempt);
    }
  } catch (error) {
    throw redisError(error, target);
  }
}

/** An error of one of a connection's commands as an error for the reader. */
export function commandError(error: unknown, { client, target }: RedisConnection): RedisopsError {
  return redisError(reasonOf(error, client), target);
}
