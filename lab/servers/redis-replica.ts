import { waitUntil } from "../wait.ts";
import type { Workspace } from "../workspace.ts";
import { type RedisServer, startRedis } from "./redis.ts";
import { withRedis } from "./redis-client.ts";

/** How to start a replica. */
export interface ReplicaOptions {
  /** The name in messages and of its folder. */
  readonly name: string;
  /** The primary's password, which the replica then asks for too; none unless given. */
  readonly password?: string | undefined;
  /** Further lines of redis.conf; they win over the lab's own. */
  readonly config?: readonly string[];
  /** Milliseconds until a replica without its primary's data is given up; 60,000 unless given. */
  readonly deadlineMs?: number;
}

/**
 * Starts a replica of a Redis server and waits until it has its data and the link is up.
 *
 * @throws MissingProgramError when there is no redis-server; ServerStartError when it does not come up; Error when the
 *   link is not up in time.
 */
export async function startReplica(
  workspace: Workspace,
  primary: RedisServer,
  options: ReplicaOptions,
): Promise<RedisServer> {
  const { password } = options;
  // By default a primary waits five seconds for more replicas before it sends its data.
  await withRedis(primary.port, (client) => client.config("SET", "repl-diskless-sync-delay", 0), {
    password,
  });
  const secrets =
    password === undefined
      ? []
      : [`requirepass ${JSON.stringify(password)}`, `masterauth ${JSON.stringify(password)}`];
  const config = [
    `replicaof 127.0.0.1 ${primary.port}`,
    "repl-diskless-sync-delay 0",
    ...secrets,
    ...(options.config ?? []),
  ];
  const replica = await startRedis(workspace, { name: options.name, config });
  const linked = async (): Promise<boolean> => {
    const info = await withRedis(replica.port, (client) => client.info("replication"), { password });
    return info.includes("master_link_status:up");
  };
  await waitUntil(linked, {
    what: `${options.name} to have the data of ${primary.name}`,
    deadlineMs: options.deadlineMs ?? 60_000,
  });
  return replica;
}
