import type { DegradationMode } from "../../../catalog/mode.ts";
import type { Config } from "../../../core/config/schema.ts";
import { parseDuration } from "../../../core/duration.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { effectiveThresholds } from "../../../core/signal/thresholds.ts";
import { version } from "../../../core/version.ts";
import { announceDrill } from "../announce-drill.ts";
import type { Drill } from "../drill.ts";
import { alone } from "../schedule.ts";
import type { DrillTarget } from "../target.ts";
import { type StagingDrill, stagingDrills } from "./staging-drills.ts";

/** Beyond an alert’s own delay: scrapes, evaluations, and windows of minutes that have to run out, in milliseconds. */
const slack = 6 * 60_000;

/** A user’s platform as what drills are run on. */
export interface StagingTarget extends DrillTarget {
  /** What can be rehearsed there. */
  readonly drills: readonly Drill[];
  /** Why a mode is not rehearsed there; undefined for one that is. */
  refusal(mode: DegradationMode): RedisopsError | undefined;
}

const noBooks = {
  messagesLost: null,
  outOfOrder: null,
  unaccounted: null,
  duplicates: null,
  exposures: null,
};

/** What an alert of a drill waits for by itself, in milliseconds. */
function longestFor({ modes }: Drill, { thresholds }: Config): number {
  const waits = modes.map((mode) => parseDuration(String(effectiveThresholds(mode, thresholds).for)));
  return Math.max(0, ...waits);
}

/** How a staging platform is taken for drills. */
export interface StagingOptions {
  /** The platform’s name, given by whoever wants this. */
  readonly confirm: string | undefined;
  /** Told what others cannot see of the drills. */
  readonly onProblem: (problem: string) => void;
}

/**
 * The platform that a configuration describes, for drills with faults that end by themselves or can be undone from
 * outside. Changes nothing yet. What it does not keep is not checked: it has no books of messages, and what was notified
 * is known by Alertmanager alone.
 *
 * @throws RedisopsError NOT_CONFIRMED where that is another name; CONFIG_INCOMPLETE without a Prometheus
 */
export async function openStagingTarget(
  config: Config,
  { confirm, onProblem }: StagingOptions,
): Promise<StagingTarget> {
  const { platform, prometheus, alertmanager, thresholds } = config;
  if (confirm !== platform) {
    const given = confirm === undefined ? "" : `, and “${confirm}” is another one`;
    throw new RedisopsError(
      "NOT_CONFIRMED",
      `A drill degrades the platform ${platform}: it needs a confirmation that names it${given}`,
      { target: platform, next: `If nobody depends on ${platform} now, add --confirm=${platform}.` },
    );
  }
  if (prometheus === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "A drill watches the alerts: redisops.yaml has no prometheus",
      {
        next: "Add prometheus.url to redisops.yaml, and alertmanager.url if there is one.",
      },
    );
  }
  const { drills, refusals } = await stagingDrills(config);
  const named = new Map<string, StagingDrill>(drills.map((drill) => [drill.inject.join(), drill]));
  return {
    name: platform,
    drills,
    refusal: ({ id }) => {
      const why = refusals.get(id);
      return why === undefined
        ? undefined
        : new RedisopsError("DRILL_REFUSED", `${id} is not rehearsed on ${platform}: ${why}`, {
            target: platform,
          });
    },
    prometheus: prometheus.url,
    alertmanager: alertmanager?.url,
    thresholds,
    rateWindow: "1m",
    patience: (drill) => longestFor(drill, config) + slack,
    versions: async () => ({ redisops: version, node: process.versions.node }),
    faultsOf: ({ inject }) => named.get(inject.join())?.faults ?? [],
    laneOf: () => alone,
    concerns: () => true,
    books: async () => noBooks,
    notifications: () => undefined,
    announce: (drill) => announceDrill(config, drill, onProblem),
    run: async (command) => {
      throw new RedisopsError("DRILL_REFUSED", `No drill on ${platform} runs ${command}`, {
        target: platform,
      });
    },
  };
}
