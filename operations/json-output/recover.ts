import { z } from "zod";
import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import { errorReport, fact, type OutputDocument, time } from "./shared.ts";

const names = Object.keys(recoveryRoles) as [RecoveryName, ...RecoveryName[]];
const recovery = z.enum(names);
const run = z.string().describe("Id of the run.");

const plan = z.strictObject({
  target: z.string(),
  facts: z.array(fact).describe("What was found: source, sizes, the live state."),
  steps: z.array(z.string()),
  risks: z.array(z.string()),
  hasChanges: z.boolean().describe("False when there is nothing to do."),
  severe: z.string().optional().describe("Why --confirm has to name platform and role."),
  items: z.number().describe("Items that will be handled."),
  duration: z.string().describe("The typical duration, and where it is from."),
});

const report = {
  run,
  journal: z.string().describe("File of the run’s journal."),
  seconds: z.number(),
  verification: z.strictObject({
    holds: z.boolean(),
    facts: z.array(fact),
    figures: z.record(z.string(), z.number()),
  }),
};

/** A plan that was not carried out, or what became of it. */
const outcome = (first: Readonly<Record<string, z.ZodType>>) =>
  z.union([
    z.strictObject({ ...first, status: z.enum(["planned", "nothing_to_do"]) }),
    z.strictObject({ ...first, status: z.literal("done"), ...report }),
    z.strictObject({
      ...first,
      status: z.literal("verification_failed"),
      ...report,
      error: errorReport,
    }),
  ]);

const group = z.string().describe("What the processes that share the run know it by (--group).");

/** What a process of a group has done. Which plan was carried out is in the run's journal. */
const shared = z.union([
  outcome({ recovery, group }),
  z.strictObject({
    ...{ recovery, group, run },
    status: z.literal("helped").describe("Another process had begun the run, and it has succeeded."),
  }),
]);

const runState = z.enum(["running", "died", "unknown", "succeeded", "failed", "interrupted"]);

export const recoverDocuments: readonly OutputDocument[] = [
  ...names.map((name) => ({
    command: `recover ${name}`,
    about: "The plan, and with --execute what became of it. Progress is JSON lines on stderr.",
    schema: z.union([outcome({ recovery, plan }), shared]),
  })),
  {
    command: "recover all",
    about: "What the platform needs, in the safe order, and what became of each.",
    schema: z.strictObject({
      platform: z.string(),
      recoveries: z.array(
        z.strictObject({
          recovery,
          because: z.array(z.string()).describe("The modes that hold, or the recovery before it."),
          status: z.enum(["planned", "nothing_to_do", "done", "verification_failed", "failed", "skipped"]),
          plan: plan.optional(),
          run: run.optional(),
          error: errorReport.optional(),
        }),
      ),
    }),
  },
  {
    command: "recover apply",
    about: "What became of a saved plan.",
    schema: outcome({ recovery, plan }),
  },
  {
    command: "recover resume",
    about: "What became of a run that was gone on with.",
    schema: outcome({ recovery, resumed: run }),
  },
  {
    command: "recover join",
    about: "That a run of another process was helped to its end.",
    schema: z.strictObject({ joined: run, status: z.literal("done") }),
  },
  {
    command: "recover throttle",
    about: "The rate that a run is held to.",
    schema: z.strictObject({ run, max_rate: z.number().describe("Items per second.") }),
  },
  {
    command: "recover list",
    about: "The latest runs, newest first.",
    schema: z.strictObject({
      runs: z.array(
        z.strictObject({
          run,
          recovery: z.string(),
          state: runState,
          code: z.string().optional().describe("The error code that it ended with."),
          startedAt: time(),
          host: z.string(),
          paused: z.string().optional().describe("Why it waits at the moment."),
        }),
      ),
    }),
  },
  {
    command: "recover show",
    about: "A run, with its journal.",
    schema: z.strictObject({
      run,
      recovery: z.string(),
      state: runState,
      code: z.string().optional(),
      paused: z.string().optional(),
      journal: z
        .array(z.looseObject({ at: z.string(), event: z.string() }))
        .describe("Entries as they are on disk; docs/recovery-runs.md has what each event carries."),
    }),
  },
];
