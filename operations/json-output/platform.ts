import { z } from "zod";
import { files, type OutputDocument, time } from "./shared.ts";

const uid = z.string().describe("Uid of the board.");
const difference = z.strictObject({
  parts: z.array(z.string()),
  panels: z.array(
    z.looseObject({
      change: z.enum(["added", "removed", "changed"]),
      title: z.string(),
      parts: z.array(z.string()),
    }),
  ),
});
const list = z.array(z.string());

const catalogRow = z.strictObject({
  mode: z.string(),
  role: z.string(),
  severity: z.string(),
  metrics: list,
  panels: list,
  boards: list,
  alert: list.describe("Severities of its alert rules."),
  alertTests: z.strictObject({ scenarios: z.int(), assertions: z.int() }),
  runbook: z.string().nullable(),
  recovery: z.strictObject({ command: z.string().nullable(), reason: z.string().nullable() }),
  drill: z.strictObject({ inject: list, reason: z.string().nullable() }),
  verified: z.strictObject({
    state: z.string(),
    commands: z.int().optional(),
    digest: z.string().optional().describe("Of the drill and the page's commands when they were run."),
    seconds: z
      .strictObject({
        detect: z
          .number()
          .nullable()
          .describe("From the fault until the alert fired, on the drill's clocks."),
        recover: z.number().nullable().describe("From the recovery's beginning until the alert was over."),
        command: z.strictObject({ line: z.string(), seconds: z.number() }).nullable(),
      })
      .optional()
      .describe("What the recorded drill measured."),
    versions: z.record(z.string(), z.string()).optional(),
  }),
  gaps: z.array(z.strictObject({ column: z.string(), what: z.string() })).describe("What is missing."),
});

const count = z.number();
const labStatus = z.looseObject({
  name: z.string(),
  phase: z.enum(["starting", "up", "stopping"]),
  startSeconds: count.nullable(),
  configFile: z.string().nullable().describe("For --config of every other command."),
  folder: z.string(),
  addresses: z.record(z.string(), z.string()),
  withoutKafka: z.string().nullable(),
  processes: z.array(
    z.looseObject({
      name: z.string(),
      part: z.string(),
      port: z.int().nullable(),
      pid: z.int(),
      condition: z.enum(["up", "slow", "hung", "down"]),
    }),
  ),
  faults: z.array(
    z.strictObject({ fault: z.string(), target: z.string(), since: time(), until: time().nullable() }),
  ),
  rates: z.strictObject({ messages: count, notifications: count }).nullable(),
  messages: z.record(z.string(), z.unknown()).nullable().describe("The books of the messages."),
  notifications: z.record(z.string(), z.unknown()).nullable().describe("The books of the notifications."),
  providers: z.array(z.looseObject({ provider: z.string(), account: z.string() })).nullable(),
});
const done = z.strictObject({ done: z.string().describe("What was done, a sentence.") });

export const platformDocuments: readonly OutputDocument[] = [
  {
    command: "config check",
    about: "That the configuration is valid; where it is not, the error has its problems.",
    schema: z.strictObject({ valid: z.literal(true) }),
  },
  {
    command: "config show",
    about:
      "The configuration in effect: as docs/redisops.schema.json has it, defaults filled in, secrets masked.",
    schema: z.looseObject({ platform: z.string() }),
  },
  { command: "dashboards build", about: "The boards that were written.", schema: files },
  {
    command: "dashboards diff",
    about: "Each board beside Grafana’s.",
    schema: z.strictObject({
      boards: z.array(
        z.strictObject({
          uid,
          standing: z.enum(["missing", "same", "outdated", "edited", "foreign", "provisioned", "v2"]),
          difference: difference.optional(),
        }),
      ),
    }),
  },
  {
    command: "dashboards push",
    about: "What became of each board.",
    schema: z.strictObject({
      boards: z.array(
        z.strictObject({
          uid,
          outcome: z.enum(["same", "created", "changed", "kept"]),
          version: z.int().optional(),
          reason: z.string().optional().describe("Why it was kept."),
        }),
      ),
    }),
  },
  { command: "generate alerts", about: "The files that were written.", schema: files },
  { command: "generate dashboards", about: "The files that were written.", schema: files },
  { command: "generate kubernetes", about: "The files that were written.", schema: files },
  {
    command: "catalog",
    about: "What each mode has, and what is missing.",
    schema: z.strictObject({
      closed: z.boolean().describe("Whether nothing is missing."),
      modes: z.array(catalogRow),
      withoutMode: list.describe("What no mode leads to."),
      derivedFrom: z.record(z.string(), z.string()),
    }),
  },
  { command: "lab up", about: "The lab that was started.", schema: labStatus },
  { command: "lab status", about: "Every process, the faults that hold and the books.", schema: labStatus },
  { command: "lab inject", about: "What was done.", schema: done },
  {
    command: "lab rate",
    about: "The load, per second.",
    schema: z.strictObject({ messages: count, notifications: count }),
  },
  { command: "lab down", about: "What was done.", schema: done },
];
