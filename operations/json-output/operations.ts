import { z } from "zod";
import { drillPhases } from "../drills/drill-result.ts";
import { liveMode } from "./runbook.ts";
import { errorReport, fact, labels, type OutputDocument, time } from "./shared.ts";

const list = z.array(z.string());
const milliseconds = z.number().describe("Milliseconds since the drill began.");
const seconds = z.number().nullable();

const drill = z.strictObject({
  drill: z.string(),
  modes: list,
  target: z.string(),
  seed: z.int(),
  startedAt: time(),
  passed: z.boolean(),
  problems: list.describe("What was not as it should be; empty exactly when it passed."),
  events: z.array(z.strictObject({ at: milliseconds, phase: z.enum(drillPhases), what: z.string() })),
  decisions: z
    .array(
      z.strictObject({
        name: z.string(),
        unit: z.string(),
        points: z.array(z.tuple([milliseconds, z.number()])),
      }),
    )
    .describe("Decisions of the applications by their kind."),
  alerts: z.array(
    z.strictObject({
      alert: z.string(),
      labels,
      expected: z.enum(["required", "allowed", "unexpected"]),
      spans: z.array(
        z.strictObject({ state: z.enum(["pending", "firing"]), from: milliseconds, to: milliseconds }),
      ),
      notifiedAt: milliseconds.optional(),
      inhibited: z.boolean().optional(),
    }),
  ),
  recoveries: z.array(
    z.strictObject({
      command: z.string(),
      from: milliseconds,
      to: milliseconds,
      exitCode: z.int(),
      done: z.number().optional(),
    }),
  ),
  seconds: z
    .strictObject({ detect: seconds, contain: seconds, recover: seconds, total: z.number() })
    .describe("Since the fault; null where it did not come about."),
  clocks: z
    .array(z.strictObject({ mode: z.string(), catalogFor: z.number(), drillFor: z.number() }))
    .describe("How long each alert waits in the catalog and in the drill, in seconds."),
  messagesLost: z.number().nullable(),
  duplicates: z.number().nullable(),
  exposures: z.number().nullable(),
  versions: labels,
});

const plan = z.strictObject({
  recovery: z.string(),
  status: z.enum(["planned", "nothing_to_do", "refused", "failed"]),
  target: z.string().nullable(),
  facts: z.array(fact),
  steps: list,
  risks: list,
  severe: z.string().nullable(),
  duration: z.string().nullable(),
  error: errorReport.nullable(),
});

const answer = z.strictObject({
  kind: z.literal("answer"),
  platform: z.string(),
  status: z.enum(["firing", "resolved"]),
  at: time(),
  alerts: z.array(
    z.strictObject({
      alert: z.string(),
      title: z.string(),
      role: z.string().nullable(),
      severity: z.enum(["page", "ticket", "none"]),
      status: z.enum(["firing", "resolved"]),
      since: z.string(),
      labels: z.array(labels).describe("At most eight sets."),
      more: z.int().describe("How many more there are."),
      verdict: z.enum(["holds", "does not hold", "not known", "not looked"]),
      live: liveMode.nullable(),
      decide: z.array(z.strictObject({ observed: z.string(), conclusion: z.string() })),
      plan: plan.nullable(),
      next: z.string(),
      runbook: z.string(),
      dashboard: z.string(),
    }),
  ),
  unknown: list.describe("Names of alerts that are not redisops’; at most eight."),
  skipped: z.int().describe("Alerts about which nothing is said."),
});

const execution = z.strictObject({
  kind: z.literal("execution"),
  platform: z.string(),
  at: time(),
  recovery: z.string(),
  alert: z.string().describe("The mode whose alert called for it."),
  outcome: z
    .enum(["done", "verification_failed", "failed", "waiting", "refused", "over"])
    .describe(
      "waiting: not now, tried again while the alert fires; refused: a person is needed; over: nothing is left to do.",
    ),
  because: z.string(),
  run: z.string().nullable(),
  seconds,
  facts: z.array(fact).describe("What the verification found."),
  next: z.string().nullable(),
});

export const operationsDocuments: readonly OutputDocument[] = [
  {
    command: "oncall",
    about: "What holds, why, and the prepared plan, for each alert of a notification.",
    schema: answer,
  },
  {
    command: "oncall --listen",
    about: "A line for each answer, and one for each recovery that an alert called for: what became of it.",
    schema: z.union([answer, execution]),
  },
  {
    command: "drill list",
    about: "The drills.",
    schema: z.strictObject({
      target: z.string(),
      drills: z.array(z.strictObject({ drill: z.string(), modes: list, faults: list, limits: list })),
      refused: z
        .array(z.strictObject({ mode: z.string(), reason: z.string() }))
        .describe("Modes that are not rehearsed on the target."),
    }),
  },
  {
    command: "drill run",
    about: "What each drill has found.",
    schema: z.strictObject({
      target: z.string(),
      seed: z.int().describe("From it the order of the drills follows."),
      startedAt: time(),
      totalSeconds: z.number(),
      journal: z.string(),
      passed: z.boolean(),
      interrupted: z.boolean(),
      drills: z.array(drill),
    }),
  },
  {
    command: "doctor",
    about: "Every check, with the fix where one is needed.",
    schema: z.strictObject({
      platform: z.string().optional().describe("Left out where the configuration cannot be read."),
      healthy: z.boolean().describe("Whether no check failed; the exit code is 0 exactly then."),
      checks: z.array(
        z.strictObject({
          id: z.string().describe("What was checked; stable."),
          status: z.enum(["ok", "warning", "failed", "skipped"]),
          found: z.string(),
          fix: z.string().optional(),
        }),
      ),
    }),
  },
  {
    command: "init",
    about: "The draft, what it rests on, and what is left to do.",
    schema: z.strictObject({
      path: z.string().nullable().describe("The file that was written; null for stdout."),
      config: z.looseObject({}).describe("The draft, as docs/redisops.schema.json has it."),
      findings: z.array(z.looseObject({ path: z.string(), why: z.string() })),
      todos: z.array(z.looseObject({ path: z.string(), what: z.string(), how: z.string() })),
    }),
  },
];
