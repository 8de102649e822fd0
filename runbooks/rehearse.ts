import type { DegradationMode } from "../catalog/mode.ts";
import { formatDuration } from "../core/duration.ts";
import { bullets, codeBlock } from "./markdown.ts";
import { prose } from "./prose.ts";
import { drillCommands, healCommand, type Verified, verifiedState } from "./verified.ts";

const topologyTitles = { standalone: "Standalone", sentinel: "Sentinel", cluster: "Cluster" } as const;

/** What differs by topology; empty where nothing does, or where the mode is not about a Redis role. */
export function topologyBlocks(mode: DegradationMode): string[] {
  const items = Object.entries(topologyTitles).flatMap(([topology, title]) => {
    const text = mode.topologies?.[topology as keyof typeof topologyTitles];
    return text === undefined ? [] : [`**${title}:** ${prose(text, mode.id)}`];
  });
  return items.length === 0 ? [] : [bullets(items)];
}

/** How to see the mode on the lab, and how to end it there. */
export function rehearseBlocks(mode: DegradationMode): string[] {
  const { drill } = mode;
  if (drill?.kind !== "lab") {
    return [`The lab cannot bring it about. ${prose(drill?.reason ?? "", mode.id)}`.trimEnd()];
  }
  return [
    "In a checkout, on a lab that is started for it, from the fault to the alert’s end, and with nothing left behind:",
    codeBlock("sh", `redisops drill run ${mode.id}`),
    "By hand, while `redisops lab up` runs in another terminal:",
    codeBlock("sh", drillCommands(mode).join("\n")),
    ...(drill.limits === undefined ? [] : [`**Limits of the lab:** ${prose(drill.limits, mode.id)}`]),
    "To end it:",
    codeBlock("sh", healCommand),
  ];
}

/** What the mode's drill measured, as the end of a line. */
function measured(record: Verified | undefined): string {
  const { detect = null, recover = null } = record?.seconds ?? {};
  const parts = [
    ...(detect === null
      ? []
      : [`detected ${formatDuration(detect * 1000)} after the fault, with the alert’s wait shortened`]),
    ...(recover === null ? [] : [`over ${formatDuration(recover * 1000)} after the recovery began`]),
  ];
  return parts.length === 0 ? "" : ` In its drill it was ${parts.join(", and ")}.`;
}

/** Whether the page's commands were run on the lab and printed what the page shows, and on which versions. */
export function verifiedLine(mode: DegradationMode, record: Verified | undefined): string {
  switch (verifiedState(mode, record)) {
    case "verified": {
      const { commands, versions } = record as Verified;
      const { redisops, redis, postgres, prometheus, node } = versions;
      const count = commands === 1 ? "1 command of this page was" : `${commands} commands of this page were`;
      return `**Verified:** ${count} run on the lab in this state and printed what is shown here: redisops ${redisops}, Redis ${redis}, Postgres ${postgres}, Prometheus ${prometheus}, Node ${node}.${measured(record)}`;
    }
    case "changed":
      return "**Not verified since it was changed:** its commands were run on the lab before the last change to them.";
    case "never":
      return mode.drill?.kind === "none"
        ? "**Not verified on the lab,** which cannot bring this about."
        : "**Not verified:** its commands have not been run on the lab yet.";
  }
}
