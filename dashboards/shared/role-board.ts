import type { boards } from "../../catalog/boards.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen, narrowed } from "../narrow.ts";
import type { BoardSpec, DataPanel, RowSpec } from "../panel.ts";
import { breakersOpen, storeFailures } from "./applications.ts";
import { availabilityPanels } from "./availability.ts";
import { contractPanel } from "./contract.ts";
import { decisionsByFallbackPanel } from "./fallback.ts";
import { ifItDiesPanel } from "./if-it-dies.ts";
import { modesOfRolePanel } from "./modes.ts";
import { nodePanels } from "./nodes.ts";
import { topologyPanels } from "./topology.ts";

/** What a role's board has beside what all of them have. */
export interface RoleBoard {
  readonly uid: keyof typeof boards;
  readonly role: RedisRole;
  readonly description: string;
  /** What users feel of it, right of the decisions that a fallback made. */
  readonly felt: readonly DataPanel[];
  /** The role's own rows, in the order in which data flows. */
  readonly rows: readonly RowSpec[];
}

const sized = (width: number, height: number) => (panel: DataPanel) => ({ ...panel, width, height });

/**
 * A role's board: what is wrong and what would be, what the applications do about it, whether its store answers, the
 * role's own signals, then its shards and servers.
 */
export function roleBoard(
  { uid, role, description, felt, rows }: RoleBoard,
  thresholds: ThresholdOverrides,
): BoardSpec {
  const own = (panel: DataPanel) => narrowed(panel, role);
  const { shards } = topologyPanels;
  const { state, memory, load, kept } = nodePanels;
  return {
    uid,
    description,
    rows: [
      { id: `${role}:now`, panels: [modesOfRolePanel(role), ifItDiesPanel(role)] },
      {
        id: `${role}:felt`,
        title: "What users feel, and what the applications do about it",
        panels: [
          ...[decisionsByFallbackPanel(role), ...felt].map(sized(12, 8)),
          ...[own(storeFailures), own(breakersOpen)].map(sized(12, 8)),
        ],
      },
      {
        id: `${role}:up`,
        title: "Is it up?",
        panels: availabilityPanels(thresholds).map(own),
      },
      ...rows,
      {
        id: `${role}:shards`,
        title: "Shards",
        panels: [
          ...chosen(shards, "shard-up", "shard-response", "shard-replicas").map(own),
          ...chosen(shards, "key-space-available", "shard-key-space").map(own),
          { ...own(contractPanel), width: 8, height: 8 },
        ],
      },
      {
        id: `${role}:servers`,
        title: "Servers",
        panels: [
          ...chosen([...state, ...load], "node-up", "node-commands", "node-cpu"),
          ...chosen([...memory, ...kept], "node-memory", "node-evictions", "node-keys"),
        ].map(own),
      },
    ],
  };
}
