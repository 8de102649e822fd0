import type { BoardSpec } from "../panel.ts";
import { contractPanel } from "../shared/contract.ts";
import { nodePanels } from "../shared/nodes.ts";
import { topologyPanels } from "../shared/topology.ts";

/** Every Redis server of every role: how they stand together, and each by itself. */
export function topologyBoard(): BoardSpec {
  const { state, memory, load, kept, replication } = nodePanels;
  return {
    uid: "redisops-topology",
    description:
      "The Redis servers of all roles: which shards take writes, who could take over, what clusters and Sentinels see, whether each server is set up for its job, and every server by itself.",
    rows: [
      { id: "topology:shards", panels: topologyPanels.shards },
      { id: "topology:cluster", title: "Clusters, and failovers", panels: topologyPanels.cluster },
      { id: "topology:sentinels", title: "Sentinels", panels: topologyPanels.sentinels },
      { id: "topology:contract", title: "Are they set up for their job?", panels: [contractPanel] },
      { id: "topology:replication", title: "Replicas", panels: replication },
      { id: "topology:servers", title: "Servers", panels: [...state, ...load] },
      { id: "topology:memory", title: "Memory and data", panels: [...memory, ...kept] },
    ],
  };
}
