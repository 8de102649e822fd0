import { parseConfig } from "../core/config/load.ts";
import { bloom } from "../recovery/bloom/bloom.ts";
import { executePlan, preparePlan } from "../recovery/engine.ts";

/** What the parent sends: the text of a redisops.yaml. Secrets are in the environment. */
export interface RebuildJob {
  readonly configuration: string;
  /** How RedisBloom is filled. */
  readonly method?: "madd" | "load";
}

/** What the child answers. */
export interface RebuildReport {
  /** Execution: from before the connections are made until the filter is live and caught up. */
  readonly seconds: number;
  readonly ids: number;
  /** Ratios as the recovery's own verification measured them. */
  readonly figures: Readonly<Record<string, number>>;
  /** The largest resident set the process ever had, its own start and the verification included. */
  readonly peakBytes: number;
}

async function run(job: RebuildJob): Promise<RebuildReport> {
  const context = {
    config: parseConfig(job.configuration, "bench"),
    options: {
      source: "auto",
      method: job.method ?? "auto",
      since: undefined,
      parts: undefined,
      settle: 0,
    } as const,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: () => undefined,
  };
  const { plan } = await preparePlan(bloom, context);
  const { seconds, verification } = await executePlan(bloom, context, plan);
  return {
    seconds,
    ids: plan.items,
    figures: verification.figures,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

process.once("message", (job: RebuildJob) => {
  run(job).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
