import { keptShare, raise } from "../../../fallbacks/providers/adaptive-limit.ts";
import { defaultBlock } from "../../../fallbacks/providers/provider-response.ts";
import { sawtooth } from "../closed-forms.ts";
import { bucketsDown } from "../experiments/providers.ts";
import { type Failure, failure, type Row } from "../failure.ts";
import type { Figures, ProviderFigures } from "../figures.ts";

const perMinute = 60;
/** Milliseconds to the provider and back that are taken for the 429s under way when an account begins to refuse. */
const roundTripSeconds = 0.05;

const sum = (limits: readonly number[]) => limits.reduce((total, limit) => total + limit, 0);

function bucketRows(
  { load, limits }: ProviderFigures,
  workers: number,
  outcome: ReturnType<typeof bucketsDown>,
): Row[] {
  const granted = sum(limits);
  const { seconds, meanShare } = sawtooth(keptShare, raise);
  const overloaded = load.value > granted;
  return [
    {
      id: "load_over_limit",
      what: "of what the accounts grant",
      unit: "times",
      value: load.value / granted,
      formula: "load / limits",
      source: "definition",
    },
    {
      id: "throttled",
      what: "429s, once the limits are learned",
      unit: "per minute",
      bound: "at most",
      value: overloaded ? (perMinute / seconds) * (limits.length * workers + granted * roundTripSeconds) : 0,
      simulated: outcome.throttledPerMinute,
      formula: `60 / ${seconds.toFixed(1)} s × (accounts × workers + limits × round trip)`,
      source: "one refusal for each worker and climb",
    },
    {
      id: "throttled_by_blocking",
      what: "429s, if the workers only blocked the account",
      unit: "per minute",
      value: null,
      simulated: outcome.throttledPerMinuteByBlocking,
      formula: "by simulation only",
      source: "docs/providers.md",
    },
    {
      id: "throttled_first_minute",
      what: "429s of the first minute",
      unit: "count",
      value: null,
      simulated: outcome.throttledFirstMinute,
      formula: "by simulation only",
      source: "docs/providers.md",
    },
    {
      id: "learned_after",
      what: "until 429s stay below ProviderThrottled's share",
      unit: "seconds",
      value: null,
      simulated: outcome.learnedAfter ?? null,
      formula: "by simulation only",
      source: "docs/providers.md",
    },
    {
      id: "limit_used_ratio",
      what: "of the limits that is used",
      unit: "ratio",
      bound: "at least",
      value: overloaded ? (meanShare * seconds) / (seconds + defaultBlock / 1_000) : 1,
      simulated: outcome.used,
      formula: `(1 − ${keptShare}) / ln(1 / ${keptShare}) × ${seconds.toFixed(1)} s / (${seconds.toFixed(1)} s + the block)`,
      source: "a single worker's sawtooth; many even one another out",
    },
  ];
}

function accountRows({ load, limits }: ProviderFigures): Row[] {
  const granted = sum(limits);
  const left = granted - Math.max(...limits);
  return [
    {
      id: "shed_all_accounts",
      what: "notifications shed while all accounts work",
      unit: "per second",
      bound: "at least",
      value: Math.max(0, load.value - granted),
      formula: "max(0, load − limits)",
      source: "throughput law",
    },
    {
      id: "shed_without_largest",
      what: "shed when the largest account is blocked",
      unit: "per second",
      bound: "at least",
      value: Math.max(0, load.value - left),
      formula: "max(0, load − the other limits)",
      source: "throughput law",
    },
  ];
}

/** What the loss of the buckets, and of an account, does to each provider. */
export function providerFailures(figures: Figures, seed: number, alertShare: number): Failure[] {
  return figures.providers.flatMap((provider) => {
    const name = provider.provider;
    const down = failure(
      {
        id: `token-buckets-down-${name}`,
        title: `The token buckets are down: ${name}`,
        role: "token_bucket",
        modes: ["TokenBucketsDown", "ProviderThrottled"],
      },
      ["workers"],
      ({ workers }) => {
        const outcome = bucketsDown(
          { provider: name, workers, load: provider.load.value, limits: provider.limits, alertShare },
          seed,
        );
        const least = Math.min(...provider.limits);
        return {
          rows: bucketRows(provider, workers, outcome),
          experiments: [outcome.experiment],
          notes:
            least / workers >= 5 || provider.load.value <= sum(provider.limits)
              ? []
              : [
                  `An account of ${least.toLocaleString("en-US")}/s leaves each of ${workers.toLocaleString("en-US")} workers fewer than five requests a second: too few to learn from.`,
                ],
        };
      },
    )(figures);
    const account: Failure = {
      id: `provider-account-blocked-${name}`,
      title: `An account is blocked: ${name}`,
      role: "token_bucket",
      modes: ["ProviderAccountBlocked", "ProviderCapacityExhausted"],
      rows: accountRows(provider),
      experiments: [],
      missing: [],
      notes: [],
    };
    return [down, account];
  });
}
