import { randomUUID } from "node:crypto";
import type { DegradationMode } from "../../catalog/mode.ts";
import { BloomCold } from "../../catalog/modes/BloomCold.ts";
import { BloomSaturated } from "../../catalog/modes/BloomSaturated.ts";
import type { FilterId } from "../../core/filter/filter.ts";
import { canarySamples, filterStateSamples } from "../../core/filter/filter-samples.ts";
import { openFilter } from "../../core/filter/open-filter.ts";
import { connectRedis } from "../../core/redis/connect.ts";
import { evaluateSignal } from "../../core/signal/evaluate.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { Plan, RecoveryContext, Verification } from "../recovery.ts";
import { bloomConfig, timeouts } from "./bloom-config.ts";
import type { BloomDetails } from "./bloom-plan.ts";
import { openSources } from "./build.ts";

/**
 * Known-sent ids looked up, at most. They are the distinct ids at random moments of the window: ids of quiet hours are
 * likelier to be among them than ids of busy ones. So the share of absent ones shows losses of whole spans of time
 * well and is no unbiased estimate of the share of all ids; a few absent ids among many may go unseen.
 */
const knownSentSample = 2_000;
/** Never-sent ids looked up: random ones, so at a target of 1 % the measured ratio is within 0.3 percentage points in 99.5 % of runs. */
const neverSentSample = 10_000;
/** Ids per round trip. */
const batchSize = 500;

async function countPresent(
  has: (ids: FilterId[]) => Promise<boolean[]>,
  ids: readonly FilterId[],
): Promise<number> {
  let present = 0;
  for (let start = 0; start < ids.length; start += batchSize) {
    const found = await has(ids.slice(start, start + batchSize));
    present += found.filter(Boolean).length;
  }
  return present;
}

const percent = (ratio: number) => `${(ratio * 100).toFixed(3)} %`;

/** Looks up known-sent and never-sent ids in the live filter, and evaluates the modes' own signals on what it shows. */
export async function verifyBloom(
  context: RecoveryContext<"bloom">,
  plan: Plan<BloomDetails>,
): Promise<Verification> {
  const config = bloomConfig(context);
  const { dedup } = config;
  const sources = await openSources(config);
  const samples = await Promise.all(sources.map((source) => source.sample(knownSentSample))).finally(() =>
    Promise.all(sources.map((source) => source.close())),
  );
  const known = samples.flat();
  const connection = await connectRedis("dedup", dedup, timeouts);
  try {
    const filter = openFilter(connection, dedup.filter);
    const has = (ids: FilterId[]) => filter.has(ids);
    const knownPresent = await countPresent(has, known);
    const never = Array.from({ length: neverSentSample }, () => `never-sent:${randomUUID()}`);
    const neverPresent = await countPresent(has, never);
    const state = await filter.state();

    const knownAbsent = known.length - knownPresent;
    const unproven = known.length === 0 && plan.details.ids > 0;
    const falsePositiveRatio = neverPresent / never.length;
    const samples = [
      ...filterStateSamples(state),
      ...canarySamples(known.map((_, index) => index < knownPresent)),
    ];
    const holds = (mode: DegradationMode) =>
      (evaluateSignal(mode.signal, samples, effectiveThresholds(mode, context.config.thresholds)) ?? []).some(
        (finding) => finding.holds,
      );
    const remaining = [BloomCold, BloomSaturated].filter(holds).map((mode) => mode.id);
    return {
      holds: knownAbsent === 0 && !unproven && remaining.length === 0,
      facts: [
        {
          label: "false negatives",
          value:
            known.length === 0
              ? "could not be verified: no id is older than a minute; run the command again in a minute, and check sent_at_column if this stays"
              : `${percent(knownAbsent / known.length)} (${knownAbsent} of ${known.length} known-sent ids absent)`,
        },
        {
          label: "false positives",
          value: `${percent(falsePositiveRatio)} (${neverPresent} of ${never.length} never-sent ids present; target ${percent(state.targetFalsePositiveRatio)})`,
        },
        { label: "modes that still hold", value: remaining.length === 0 ? "none" : remaining.join(", ") },
      ],
      figures: {
        known_sent_sampled: known.length,
        ...(known.length === 0 ? {} : { false_negative_ratio: knownAbsent / known.length }),
        never_sent_sampled: never.length,
        false_positive_ratio: falsePositiveRatio,
        estimated_ids: state.estimatedIds,
      },
    };
  } finally {
    connection.close();
  }
}
