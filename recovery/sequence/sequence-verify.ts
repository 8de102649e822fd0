import { SequenceRegressed } from "../../catalog/modes/SequenceRegressed.ts";
import { connectPostgres } from "../../core/postgres/connect.ts";
import { openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { sample } from "../../core/samples.ts";
import { evaluateSignal } from "../../core/signal/evaluate.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { Plan, RecoveryContext, Verification } from "../recovery.ts";
import { Comparison, compareAll, compareSample } from "./comparison.ts";
import { sequenceConfig, timeouts } from "./sequence-config.ts";
import type { SequenceDetails } from "./sequence-plan.ts";

const count = (value: number) => value.toLocaleString("en-US");

/**
 * Holds every counter against Postgres, and the mode's own signal against recently active conversations, drawn as the
 * exporter draws them. That each counter got its margin the scripts have acknowledged; messages that are sent meanwhile
 * use it up, so it cannot be measured afterwards.
 */
export async function verifySequence(
  context: RecoveryContext<"sequence">,
  { details, items }: Plan<SequenceDetails>,
): Promise<Verification> {
  const config = sequenceConfig(context.config);
  const writer = await openBulkWriter("sequence", config.role, timeouts);
  const database = await connectPostgres(config.postgres, timeouts).catch((error: unknown) => {
    writer.close();
    throw error;
  });
  try {
    const since = details.since ?? undefined;
    // What is live already is looked at to its end.
    const signal = new AbortController().signal;
    const compared = { config, writer, margin: details.margin, since, signal };
    const all = new Comparison();
    await compareAll(compared, all, (done) =>
      context.onProgress({ phase: "verify", done, unit: "conversations" }),
    );
    const drawn = new Comparison();
    await compareSample(compared, database, drawn);
    const role = { role: "sequence" } as const;
    const judged = drawn.compared - drawn.foreign;
    const samples =
      judged === 0
        ? []
        : [
            sample("redisops_sequence_conversations_regressed_ratio", role, drawn.behind / judged),
            sample("redisops_sequence_largest_shortfall_ids", role, drawn.largestShortfall),
          ];
    const thresholds = effectiveThresholds(SequenceRegressed, context.config.thresholds);
    const findings = evaluateSignal(SequenceRegressed.signal, samples, thresholds) ?? [];
    const modeHolds = findings.some(({ holds }) => holds);
    return {
      holds:
        all.behind === 0 &&
        !modeHolds &&
        !(all.compared === 0 && items > 0 && details.stretches.length === 0),
      facts: [
        {
          label: "all counters",
          value: `${count(all.behind)} of ${count(all.compared)} below the highest id in Postgres`,
        },
        {
          label: "recently active",
          value: `${count(drawn.behind)} of ${count(judged)} sampled conversations below an id among their latest`,
        },
        ...(all.foreign === 0
          ? []
          : [
              {
                label: "foreign keys",
                value: `${count(all.foreign)} keys hold no counter and were left as they are`,
              },
            ]),
        { label: "modes that still hold", value: modeHolds ? SequenceRegressed.id : "none" },
      ],
      figures: {
        conversations_compared: all.compared,
        conversations_behind: all.behind,
        foreign_keys: all.foreign,
        conversations_sampled: judged,
        sampled_behind: drawn.behind,
      },
    };
  } finally {
    writer.close();
    await database.close();
  }
}
