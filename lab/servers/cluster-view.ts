import type { Redis } from "ioredis";
import type { SlotRange } from "./cluster-slots.ts";

/** A node as another node, or it itself, sees it: a line of CLUSTER NODES. */
export interface SeenNode {
  readonly id: string;
  readonly port: number;
  /** `myself`, `master`, `slave`, `fail?`, `fail`, `handshake`, `noaddr`. */
  readonly flags: readonly string[];
  /** The id of the primary it replicates; undefined for a primary. */
  readonly primaryId: string | undefined;
  readonly configEpoch: number;
  /** What it serves; nothing for a replica. */
  readonly slots: readonly SlotRange[];
}

/** What a node knows of its cluster. */
export async function clusterView(client: Redis): Promise<SeenNode[]> {
  const text = String(await client.cluster("NODES"));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

function parseLine(line: string): SeenNode {
  const [id = "", address = "", flags = "", primary = "-", , , epoch = "0", , ...slots] = line.split(" ");
  return {
    id,
    port: Number(/:(\d+)@/.exec(address)?.[1] ?? 0),
    flags: flags.split(","),
    primaryId: primary === "-" ? undefined : primary,
    configEpoch: Number(epoch),
    // A slot that is being moved is listed once more, in brackets.
    slots: slots.filter((range) => !range.startsWith("[")).map(parseRange),
  };
}

function parseRange(range: string): SlotRange {
  const [first = "", last = first] = range.split("-");
  return { first: Number(first), last: Number(last) };
}
