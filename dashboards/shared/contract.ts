import { colors } from "../colors.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy } from "../series.ts";
import { statePanel } from "../state-panel.ts";

/** Whether each role's servers are set up as the role needs them to be. */
export const contractPanel: DataPanel = statePanel(
  {
    id: "contract-violations",
    title: "Role contracts",
    meaning:
      "What redisops.yaml, or the role by its nature, asks of the servers’ configuration, against what is live on any of them: persistence, eviction, replicas, min-replicas-to-write, maxmemory. A violation costs nothing until the day it costs data: `redisops status` says which server, what it has, what it should have and what follows.",
    normal: "everything as declared. What cannot be known has no row.",
    width: 24,
    height: 7,
    queries: [
      {
        expression: maxBy(["role", "rule"], "redisops_role_contract_violated"),
        legend: "{{role}}: {{rule}}",
      },
    ],
    empty: "No data: nothing is declared or judged, no server answered, or no exporter was scraped.",
  },
  { zero: "as declared", one: "violated", bad: 1, color: colors.ticket },
);
