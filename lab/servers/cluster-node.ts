import { join } from "node:path";
import type { Workspace } from "../workspace.ts";
import { type RedisServer, startRedis } from "./redis.ts";

/** How to start a server in cluster mode. */
export interface ClusterServerOptions {
  /** The name in messages and of its folder. */
  readonly name: string;
  /** Milliseconds without an answer until a node counts as failing; 2000 unless given. */
  readonly nodeTimeoutMs?: number;
  /** Asked from clients and used between the nodes; none unless given. */
  readonly password?: string | undefined;
  /** Further lines of redis.conf; they win over the lab's own. */
  readonly config?: readonly string[];
}

/**
 * A Redis server in cluster mode. It keeps what it knows of the cluster (nodes.conf) over every restart, so that
 * `restart({ empty: true })` brings back the same member without its keys.
 */
export interface ClusterServer extends RedisServer {
  /** The port of the cluster bus. */
  readonly bus: number;
}

/**
 * Starts a server in cluster mode that knows no other node and serves no slot yet.
 *
 * @throws MissingProgramError when there is no redis-server; ServerStartError when it does not come up.
 */
export async function startClusterNode(
  workspace: Workspace,
  options: ClusterServerOptions,
): Promise<ClusterServer> {
  const bus = await workspace.port();
  const membership = await workspace.folder(`${options.name}-membership`);
  const config = [
    "cluster-enabled yes",
    `cluster-port ${bus}`,
    `cluster-config-file ${JSON.stringify(join(membership, "nodes.conf"))}`,
    "cluster-announce-ip 127.0.0.1",
    `cluster-node-timeout ${options.nodeTimeoutMs ?? 2000}`,
    // A replica that changes sides would make "the replica of this shard" mean something else.
    "cluster-allow-replica-migration no",
    "io-threads 1",
    "repl-diskless-sync yes",
    "repl-diskless-sync-delay 0",
    ...passwordLines(options.password),
    ...(options.config ?? []),
  ];
  return Object.assign(await startRedis(workspace, { name: options.name, config }), { bus });
}

function passwordLines(password: string | undefined): string[] {
  if (password === undefined) return [];
  return [`requirepass ${JSON.stringify(password)}`, `masterauth ${JSON.stringify(password)}`];
}
