import { type Sample, sample } from "../../core/samples.ts";
import { connectedReplicas, type InfoFields } from "./info.ts";
import type { NodeLabels } from "./node-samples.ts";

/**
 * A replica whose last acknowledgement is older than this, in seconds, does not count as in sync: Redis's own default of
 * min-replicas-max-lag. Replicas acknowledge every second.
 */
const longestLag = 10;

/** How far a replica is behind, from its own INFO where it answered and its primary's where that did. */
export function lagSamples(
  labels: NodeLabels,
  own: InfoFields | undefined,
  primary: InfoFields | undefined,
): Sample[] {
  const seen =
    primary === undefined
      ? undefined
      : connectedReplicas(primary).find(({ address }) => address === labels.node);
  const related = own === undefined || own.text("master_replid") === primary?.text("master_replid");
  const offset = own === undefined ? seen?.offset : own.count("slave_repl_offset");
  const head = primary?.count("master_repl_offset");
  const bytes = related && offset !== undefined && head !== undefined ? head - offset : undefined;
  const acknowledged = seen?.online === true ? seen.lag : undefined;
  const heard = own?.count("master_last_io_seconds_ago") ?? own?.count("master_link_down_since_seconds");
  const seconds = acknowledged ?? heard;
  return [
    // The replica may have been read a moment after its primary.
    ...(bytes === undefined
      ? []
      : [sample("redisops_redis_replication_lag_bytes", labels, Math.max(0, bytes))]),
    ...(seconds === undefined
      ? []
      : [sample("redisops_redis_replication_lag_seconds", labels, Math.max(0, seconds))]),
  ];
}

/** Replicas that, by their primary's word, have acknowledged lately. */
function acknowledging(primary: InfoFields): number {
  return connectedReplicas(primary).filter(({ online, lag }) => online && (lag ?? 0) <= longestLag).length;
}

function follows(replica: InfoFields): boolean {
  return (
    replica.either("master_link_status", "up", "down") === true &&
    replica.either("master_sync_in_progress", "1", "0") !== true
  );
}

/**
 * Replicas that could take over: both they and their primary say so, as far as these answered. `replicas` are those that
 * answered; undefined where nobody but the primary tells which there are. Undefined when nobody answered.
 */
export function replicasInSync(
  primary: InfoFields | undefined,
  replicas: readonly InfoFields[] | undefined,
): number | undefined {
  const byPrimary = primary === undefined ? undefined : acknowledging(primary);
  if (replicas === undefined) return byPrimary;
  return Math.min(replicas.filter(follows).length, byPrimary ?? Number.POSITIVE_INFINITY);
}
