import { type Shard, type SlotRange, slotCount, type Topology, type TopologyNode } from "./topology.ts";

interface SeenNode extends Pick<TopologyNode, "address" | "kind" | "declaredDown"> {
  readonly id: string;
  readonly myself: boolean;
  readonly primaryId: string;
  readonly configEpoch: number;
  readonly slots: readonly SlotRange[];
}

/** What one node of a cluster knows of all of them. */
export interface ClusterView {
  readonly topology: Topology;
  /** The highest epoch in it: of two views, the one with the higher one is younger. */
  readonly epoch: number;
  /** The same for views that agree on the nodes and on who serves which slots. */
  readonly digest: string;
  /** Who serves which slots: the same for views that agree on that. */
  readonly slotMap: string;
  /** The address by which the others know the node that was asked. */
  readonly self: string | undefined;
}

function parseSlots(word: string): SlotRange[] {
  // A slot that is being moved is listed once more, in brackets.
  if (word.startsWith("[")) return [];
  const [first = "", last = first] = word.split("-");
  return [{ first: Number(first), last: Number(last) }];
}

/** `ip:port@busport,hostname`; a node that has not learned its own ip leaves it out. */
function parseAddress(word: string, asked: string): string | undefined {
  const [, host = "", port = ""] = /^(.*):(\d+)@?/.exec(word.split(",")[0] ?? "") ?? [];
  if (port === "" || port === "0") return undefined;
  return `${host === "" ? asked.slice(0, asked.lastIndexOf(":")) : host}:${port}`;
}

function parseLine(line: string, asked: string): SeenNode[] {
  const [id = "", where = "", flagWords = "", primaryId = "-", , , epoch = "0", , ...slots] = line.split(" ");
  const flags = flagWords.split(",");
  const address = parseAddress(where, asked);
  if (address === undefined || flags.includes("handshake") || flags.includes("noaddr")) return [];
  return [
    {
      id,
      address,
      myself: flags.includes("myself"),
      kind: flags.includes("master") ? "primary" : "replica",
      declaredDown: flags.includes("fail"),
      primaryId,
      configEpoch: Number(epoch),
      slots: slots.flatMap(parseSlots),
    },
  ];
}

const slotsIn = (ranges: readonly SlotRange[]) =>
  ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);

/** Reads an answer to CLUSTER NODES of the node at `asked` (host:port). */
export function parseClusterNodes(answer: string, asked: string): ClusterView {
  const seen = answer.split("\n").flatMap((line) => (line === "" ? [] : parseLine(line, asked)));
  const serving = seen
    .filter(({ slots }) => slots.length > 0)
    .sort((a, b) => (a.slots[0]?.first ?? 0) - (b.slots[0]?.first ?? 0));
  const shardOfId = new Map(serving.map(({ id }, index) => [id, String(index)]));
  const shards = serving.map(
    ({ id, address, slots, configEpoch }, index): Shard => ({
      name: String(index),
      slots,
      keySpaceRatio: slotsIn(slots) / slotCount,
      primary: address,
      replicas: seen.filter(({ primaryId }) => primaryId === id).map((replica) => replica.address),
      configEpoch,
    }),
  );
  const nodes = seen.map(({ id, address, kind, primaryId, declaredDown }): TopologyNode => {
    const shard = shardOfId.get(kind === "primary" ? id : primaryId);
    return { address, kind, shard, declaredDown };
  });
  const slotMap = shards
    .map(({ primary, slots }) => `${primary} ${slots.map(({ first, last }) => `${first}-${last}`).join(",")}`)
    .join("\n");
  const members = seen.map(({ id, primaryId }) => `${id} ${primaryId}`).sort();
  const covered = serving.reduce((sum, { slots }) => sum + slotsIn(slots), 0);
  return {
    topology: { kind: "cluster", shards, nodes, uncoveredRatio: 1 - covered / slotCount },
    epoch: Math.max(0, ...seen.map(({ configEpoch }) => configEpoch)),
    digest: [slotMap, ...members].join("\n"),
    slotMap,
    self: seen.find(({ myself }) => myself)?.address,
  };
}
