import type { NodeConnection } from "../../core/redis/connect.ts";
import { singleShard, type Topology, type TopologyNode } from "./topology.ts";

/** What one Sentinel knows of the primary that it watches. */
export interface SentinelView {
  readonly topology: Topology;
  /** Of two views, the one with the higher epoch is younger. */
  readonly epoch: number;
  /** The primary's fields as SENTINEL MASTER gives them: `quorum`, `flags`, `num-other-sentinels`, ... */
  readonly primary: ReadonlyMap<string, string>;
}

function fieldsOf(reply: unknown): Map<string, string> {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : [])));
}

const isDown = (fields: ReadonlyMap<string, string>) => /\b[so]_down\b/.test(fields.get("flags") ?? "");

function nodeOf(fields: ReadonlyMap<string, string>): Pick<TopologyNode, "address" | "declaredDown"> {
  return { address: `${fields.get("ip")}:${fields.get("port")}`, declaredDown: isDown(fields) };
}

/** Asks a Sentinel for the primary of that name and its replicas. Rejects with what ioredis rejects with. */
export async function readSentinel({ client }: NodeConnection, name: string): Promise<SentinelView> {
  const [master, replicas] = await Promise.all([
    client.call("SENTINEL", "MASTER", name),
    client.call("SENTINEL", "REPLICAS", name),
  ]);
  const primary = fieldsOf(master);
  const epoch = Number(primary.get("config-epoch") ?? 0);
  const known = Array.isArray(replicas) ? replicas.map(fieldsOf).map(nodeOf) : [];
  return { topology: singleShard("sentinel", nodeOf(primary), known, epoch), epoch, primary };
}
