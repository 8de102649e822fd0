import type { Experiment } from "../failure.ts";
import { type ProvidersPoint, simulateProviders } from "../simulation/providers.ts";

/** A provider and its workers. Rates are per second. */
export interface ProviderPlatform {
  readonly provider: string;
  readonly workers: number;
  readonly load: number;
  readonly limits: readonly number[];
  /** Share of 429s above which ProviderThrottled fires. */
  readonly alertShare: number;
}

/** What the loss of the buckets did. */
export interface ThrottlingOutcome {
  readonly throttledFirstMinute: number;
  /** In the last half minute that was simulated. */
  readonly throttledPerMinute: number;
  /** Share of what the accounts grant that was used then. */
  readonly used: number;
  /** The same 429s if the workers did nothing but block the account for as long as the provider asks. */
  readonly throttledPerMinuteByBlocking: number;
  /** Seconds until the workers' 429s stay below the alert's share; undefined when they never do. */
  readonly learnedAfter: number | undefined;
  readonly experiment: Experiment;
}

/** Notifications that are simulated, about. */
const budget = 250_000;
const seconds = 90;
const lastSeconds = 30;
/** Seconds over which the share of 429s is taken: a single second of a sawtooth says little. */
const smoothing = 10;

const sumOf = (points: readonly ProvidersPoint[], of: "accepted" | "throttled" | "shed") =>
  points.reduce((sum, point) => sum + point[of], 0);

function learnedAfter(points: readonly ProvidersPoint[], share: number): number | undefined {
  const calm = (from: number) => {
    const stretch = points.slice(from, from + smoothing);
    const throttled = sumOf(stretch, "throttled");
    return throttled <= share * (throttled + sumOf(stretch, "accepted"));
  };
  let first = points.length - smoothing;
  if (!calm(first)) return undefined;
  while (first > 0 && calm(first - 1)) first -= 1;
  return first;
}

/** The buckets give no answer: what the workers learn from 429s has to carry the limits. */
export function bucketsDown(platform: ProviderPlatform, seed: number): ThrottlingOutcome {
  const share = Math.min(1, budget / (platform.load * seconds));
  const workers = Math.max(1, Math.round(platform.workers * share));
  const run = (blockingAlone: boolean) =>
    simulateProviders({
      seed,
      workers,
      load: platform.load * share,
      limits: platform.limits.map((limit) => limit * share),
      seconds,
      blockingAlone,
    });
  const learning = run(false);
  const blocking = run(true);
  const perMinute = (points: readonly ProvidersPoint[]) =>
    ((sumOf(points.slice(-lastSeconds), "throttled") / share) * 60) / lastSeconds;
  const limit = platform.limits.reduce((sum, each) => sum + each, 0);
  const line = (points: readonly ProvidersPoint[], of: "accepted" | "throttled") =>
    points.map((point) => [point.at, point[of] / share] as const);
  const granted = Math.min(limit, platform.load);
  return {
    throttledFirstMinute: sumOf(learning.slice(0, 60), "throttled") / share,
    throttledPerMinute: perMinute(learning),
    used: sumOf(learning.slice(-lastSeconds), "accepted") / share / lastSeconds / granted,
    throttledPerMinuteByBlocking: perMinute(blocking),
    learnedAfter: learnedAfter(learning, platform.alertShare),
    experiment: {
      id: `token-buckets-down-${platform.provider}`,
      seed,
      scale: `${workers} of ${platform.workers.toLocaleString("en-US")} workers with their share of the limits, ${seconds} s`,
      plot: {
        title: `Token buckets down: requests to ${platform.provider}`,
        x: { label: "time since the failure, s" },
        y: { label: "requests per second" },
        series: [
          { name: "accepted", points: line(learning, "accepted") },
          { name: "429, as the library learns", points: line(learning, "throttled") },
          { name: "429, if it only blocked", points: line(blocking, "throttled") },
        ],
      },
    },
  };
}
