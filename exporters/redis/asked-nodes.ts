import type { TopologyNode } from "./topology.ts";

/** Most servers of a role that are asked in a run; the catalog’s help of redisops_redis_nodes_left_out names it. */
const mostNodes = 200;

/** The servers that are asked, primaries first, and how many are left out. */
export function askedNodes(nodes: readonly TopologyNode[]): {
  readonly asked: readonly TopologyNode[];
  readonly leftOut: number;
} {
  if (nodes.length <= mostNodes) return { asked: nodes, leftOut: 0 };
  const ofKind = (kind: TopologyNode["kind"]) => nodes.filter((node) => node.kind === kind);
  const asked = [...ofKind("primary"), ...ofKind("replica")].slice(0, mostNodes);
  return { asked, leftOut: nodes.length - asked.length };
}
