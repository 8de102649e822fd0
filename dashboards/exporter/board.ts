import type { BoardSpec } from "../panel.ts";
import { modesOfOtherPanel } from "../shared/modes.ts";
import { exporterPanels, probePanels } from "./panels.ts";

/** Whether what all boards show is measured at all. */
export function exporterBoard(): BoardSpec {
  const [up, ...probes] = probePanels;
  return {
    uid: "redisops-exporter",
    description:
      "redisops itself: whether its exporters are scraped, whether their probes collect all that they should, with which configuration they work and what they take.",
    rows: [
      {
        id: "exporter:now",
        panels: [modesOfOtherPanel("self"), ...(up === undefined ? [] : [{ ...up, width: 12 }])],
      },
      {
        id: "exporter:probes",
        title: "What the probes collect",
        panels: probes.map((panel) => ({ ...panel, width: 12 })),
      },
      { id: "exporter:process", title: "The exporters themselves", panels: exporterPanels },
    ],
  };
}
