import { parseConfig } from "../core/config/load.ts";
import { openBulkWriter } from "../core/redis/bulk/bulk-writer.ts";
import { countersPerCall, raiseScript } from "../core/sequence/counter-scripts.ts";
import { executePlan, preparePlan } from "../recovery/engine.ts";
import { sequence } from "../recovery/sequence/sequence.ts";

/** What the parent sends: the text of a redisops.yaml, and what to do. Secrets are in the environment. */
export interface SequenceJob {
  readonly configuration: string;
  /** The whole recovery from Postgres, or only the writes, of counters that are in memory already. */
  readonly what: "recover" | "write";
  readonly conversations: number;
  readonly floor: number;
}

/** What the child answers. */
export interface SequenceReport {
  /** Execution: from before the connections are made until the last counter's answer is there. */
  readonly seconds: number;
  /** As the recovery's own verification measured them; of writes alone, how many were raised. */
  readonly figures: Readonly<Record<string, number>>;
  /** The largest resident set the process ever had, its own start, the plan and the verification included. */
  readonly peakBytes: number;
}

const peakBytes = () => process.resourceUsage().maxRSS * 1024;

async function recover(job: SequenceJob): Promise<SequenceReport> {
  const context = {
    config: parseConfig(job.configuration, "bench"),
    options: { since: undefined, margin: undefined, all: true },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: () => undefined,
  };
  const { plan } = await preparePlan(sequence, context);
  const { seconds, verification } = await executePlan(sequence, context, plan);
  return { seconds, figures: verification.figures, peakBytes: peakBytes() };
}

async function write(job: SequenceJob): Promise<SequenceReport> {
  const role = parseConfig(job.configuration, "bench").roles.sequence;
  if (role === undefined) throw new Error("no sequence role");
  const keys = Array.from({ length: job.conversations }, (_, n) => sequenceKey(n));
  const floor = String(job.floor);
  const began = performance.now();
  const writer = await openBulkWriter("sequence", role, { connect: 5_000, command: 10_000 });
  const perCall = countersPerCall(role.topology);
  for (let start = 0; start < keys.length; start += perCall) {
    const [first = "", ...more] = keys.slice(start, start + perCall);
    writer.sendScript(raiseScript, [first, ...more], [floor, ...more.map(() => floor)]);
    await writer.room();
  }
  const { sum } = await writer.flush();
  const seconds = (performance.now() - began) / 1000;
  writer.close();
  return { seconds, figures: { raised: sum }, peakBytes: peakBytes() };
}

/** The counter of the n-th conversation, which is as long as one that has a UUID. */
export function sequenceKey(n: number): string {
  return `seq:${String(n).padStart(36, "conversation-")}`;
}

process.once("message", (job: SequenceJob) => {
  (job.what === "recover" ? recover(job) : write(job)).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
