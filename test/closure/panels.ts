import type { DegradationMode } from "../../catalog/mode.ts";

/** Panels that stand for no mode, with why they are there. */
export const withoutMode: Readonly<Record<string, string>> = {
  "shard-up": "which shard of a role that is up is not",
  "shard-failures": "in which way that shard failed",
  "shard-response": "whether one shard is slower than the others",
  "key-space-available": "how many are without the role",
  "shard-key-space": "what each shard takes along",
  "shard-replicas": "whether the next loss of a primary is an outage",
  "cluster-slots": "what a cluster says of its slots",
  "cluster-agreement": "whether a cluster's nodes agree",
  failovers: "when another server became the primary",
  "failover-possible": "whether Sentinels could act",
  "sentinel-counts": "why a failover is or is not possible",
  "sentinel-views": "what each Sentinel sees",
  "contract-violations": "whether servers are set up for their role",
  "node-up": "every server by itself",
  "node-response": "every server by itself",
  "node-versions": "which servers there are",
  "node-memory": "how near each server is to its limit",
  "node-evictions": "what each server throws away",
  "node-hit-ratio": "what each server finds",
  "node-commands": "the load of each server",
  "node-cpu": "the load of each server",
  "node-clients": "the connections of each server",
  "node-keys": "what each server holds",
  "node-uptime": "when each server was restarted and saved",
  "node-persistence": "whether each server can save",
  "node-replication-link": "whether each replica follows",
  "node-replication-bytes": "how far each replica is behind",
  "node-replication-seconds": "whether each replica is alive",
  "exporter-configuration": "whether exporters work with their files as they are",
  "exporter-configuration-age": "which exporter has missed a reload",
  "exporter-series-dropped": "whether what the board shows is all there is",
  "exporter-scrapes": "whether there are gaps in what the board shows",
  "exporter-scrapes-in-flight": "whether answers take long",
  "exporter-resources": "what the exporters themselves take",
  "registry-coverage": "whether the registry knows who is connected",
  "registry-entries": "what the coverage beside it is a ratio of",
  "registry-canary": "whether entries come back and expire",
  "rate-limit-stuck": "whom the rate limit locks out for good",
  "rate-limit-canary": "whether messages are counted",
  "sequence-regressed": "whether ids repeat",
  "sequence-shortfall": "how many ids repeat",
  "sequence-canary": "whether the counters' servers lose writes",
  "bloom-replica-canaries": "what a failover of the filter would forget",
  "bloom-replica-fill": "whether the replicas hold what the primary holds",
  "bloom-age": "since when the filter has been collecting",
  purpose: "tells how to read the board",
  "preference-entries": "whether the cache may be believed while everything is up",
  "preference-capacity-age": "how old the figure is that the panel beside it divides by",
  decisions: "what the shares beside it are shares of",
  "connection-events": "how whole the topic is that a lost registry is rebuilt from",
};

/** Differences between the panels that modes name and those that are built and committed, in both directions. */
export function panelGaps(
  modes: readonly DegradationMode[],
  built: Readonly<Record<string, number>>,
  committed: ReadonlySet<number>,
): string[] {
  const named = new Set(modes.flatMap(({ panels }) => panels));
  return [
    ...modes
      .filter(({ panels }) => panels.length === 0)
      .map(({ id }) => `${id}: no panel shows it; name one under panels in catalog/modes/${id}.ts`),
    ...modes.flatMap(({ id, panels }) =>
      panels
        .filter((panel) => !(panel in built))
        .map((panel) => `${id}: names the panel ${panel}, which no row in dashboards/overview has`),
    ),
    ...Object.entries(built)
      .filter(([, number]) => !committed.has(number))
      .map(([panel]) => `${panel}: not on the boards in dashboards/dist; run npm run generate`),
    ...Object.keys(built)
      .filter((panel) => !named.has(panel) && !(panel in withoutMode))
      .map(
        (panel) =>
          `${panel}: no mode names this panel; add it to a mode's panels, or to withoutMode in test/closure/panels.ts`,
      ),
  ];
}
