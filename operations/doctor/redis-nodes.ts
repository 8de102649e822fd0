import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { connectNode, type NodeConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { InfoFields, versionOf } from "../../exporters/redis/info.ts";
import type { TopologyNode } from "../../exporters/redis/topology.ts";
import { requestDeadline } from "./check.ts";

/** How long a server may take. */
export const redisTimeouts = { connect: requestDeadline, command: requestDeadline };

/** A server of a role that answered. */
export interface Answering {
  readonly node: TopologyNode;
  readonly connection: NodeConnection;
  readonly version: string;
  readonly clock: Clock;
}

/** The server's time and when it was asked for, in milliseconds since 1970. */
interface Clock {
  readonly theirs: number | undefined;
  readonly asked: number;
  readonly answered: number;
}

/** Connects to a server and asks who it is. The caller closes the connection. Rejects with a RedisopsError. */
export async function answering(
  role: RedisRole,
  section: RedisConnectionConfig,
  node: TopologyNode,
): Promise<Answering> {
  const target = `${role} Redis at ${node.address}`;
  const connection = await connectNode(section, node.address, target, redisTimeouts);
  try {
    const asked = Date.now();
    const info = new InfoFields(await connection.client.info("server"));
    const micros = info.number("server_time_usec");
    const theirs = micros === undefined ? undefined : micros / 1000;
    return { node, connection, version: versionOf(info), clock: { theirs, asked, answered: Date.now() } };
  } catch (error) {
    connection.close();
    throw redisError(error, target);
  }
}
