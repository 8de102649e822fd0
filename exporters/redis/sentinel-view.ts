import type { NodeConnection } from "../../core/redis/connect.ts";
import { InfoFields } from "./info.ts";
import { singleShard, type Topology, type TopologyNode } from "./topology.ts";

/** What one Sentinel knows of the primary that it watches. */
export interface SentinelView {
  readonly topology: Topology;
  /** Of two views, the one with the higher epoch is younger. */
  readonly epoch: number;
  /** The same for views that name the same servers. */
  readonly digest: string;
  /** The primary's fields as SENTINEL MASTER gives them: `quorum`, `flags`, `num-other-sentinels`, ... */
  readonly primary: ReadonlyMap<string, string>;
  /** Replicas that it could make the primary now. */
  readonly promotable: number;
  /** Whether it reaches enough others for a failover (SENTINEL CKQUORUM); undefined where it may not be asked. */
  readonly quorumReached: boolean | undefined;
  /** Whether it does nothing for now, because its clock jumped or it stood still; undefined where it may not be asked. */
  readonly tilt: boolean | undefined;
}

function fieldsOf(reply: unknown): Map<string, string> {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : [])));
}

/** Whether a server's flags have one of the words. */
export function hasFlag(fields: ReadonlyMap<string, string>, ...words: string[]): boolean {
  const flags = (fields.get("flags") ?? "").split(",");
  return words.some((word) => flags.includes(word));
}

function nodeOf(fields: ReadonlyMap<string, string>): Pick<TopologyNode, "address" | "declaredDown"> {
  return {
    address: `${fields.get("ip")}:${fields.get("port")}`,
    declaredDown: hasFlag(fields, "s_down", "o_down"),
  };
}

/** How many replicas Sentinel would take into the choice (Redis, sentinel.c, sentinelSelectSlave). */
function promotableOf(
  primary: ReadonlyMap<string, string>,
  replicas: readonly ReadonlyMap<string, string>[],
): number {
  const number = (fields: ReadonlyMap<string, string>, name: string) => Number(fields.get(name) ?? 0) || 0;
  const longestDown = number(primary, "s-down-time") + 10 * number(primary, "down-after-milliseconds");
  return replicas.filter(
    (replica) =>
      !hasFlag(replica, "s_down", "o_down", "disconnected") &&
      replica.get("slave-priority") !== "0" &&
      number(replica, "master-link-down-time") <= longestDown,
  ).length;
}

/** Asks a Sentinel for the primary of that name and its replicas. Rejects with what ioredis rejects with. */
export async function readSentinel({ client }: NodeConnection, name: string): Promise<SentinelView> {
  const pipeline = client.pipeline();
  for (const word of ["MASTER", "REPLICAS", "CKQUORUM"]) pipeline.call("SENTINEL", word, name);
  pipeline.info("sentinel");
  const [master, replicas, quorum, info] = (await pipeline.exec()) ?? [];
  const failed = master?.[0] ?? replicas?.[0];
  if (failed) throw failed;
  const primary = fieldsOf(master?.[1]);
  const epoch = Number(primary.get("config-epoch")) || 0;
  const known = Array.isArray(replicas?.[1]) ? replicas[1].map(fieldsOf) : [];
  const topology = singleShard("sentinel", nodeOf(primary), known.map(nodeOf), epoch);
  const lacking = quorum?.[0] ? /^NOQUORUM\b/.test(quorum[0].message) : false;
  return {
    topology,
    epoch,
    digest: topology.nodes.map(({ address, kind }) => `${kind} ${address}`).join(),
    primary,
    promotable: promotableOf(primary, known),
    quorumReached: quorum?.[0] ? (lacking ? false : undefined) : true,
    tilt: new InfoFields(typeof info?.[1] === "string" ? info[1] : "").either("sentinel_tilt", "1", "0"),
  };
}
