import { z } from "zod";
import { roles } from "../../catalog/roles.ts";
import { errorReport, type OutputDocument, time } from "./shared.ts";

const heldMode = z.strictObject({
  id: z.string().describe("The mode, which is also the alert’s name and the runbook page’s."),
  title: z.string(),
  since: time().optional().describe("When its alert’s condition began to hold, where Prometheus knows it."),
  command: z.string().optional().describe("What ends it; left out where no command does."),
  instead: z.string().optional().describe("What to do where no command ends it."),
});

const row = {
  role: z.enum(roles),
  target: z.string().describe("Where the role’s server is, or provider/account."),
  state: z
    .string()
    .describe("ok, degraded, error, or how the server fails to answer: refused, timeout, loading and so on."),
  observed: z.array(z.string()).describe("What was observed, a fact each."),
  errors: z.array(errorReport),
};

/** A row of `redisops status` without links, as other documents have it. */
export const statusRow = z.strictObject({ ...row, modes: z.array(heldMode) });

const look = {
  platform: z.string(),
  healthy: z.boolean().describe("Whether every role is ok; the exit code is 0 exactly then."),
  roles: z.array(
    z.strictObject({
      ...row,
      modes: z
        .array(heldMode.extend({ runbook: z.string().describe("Address of the runbook page.") }))
        .describe("Modes that hold, worst first."),
    }),
  ),
};

export const statusDocuments: readonly OutputDocument[] = [
  {
    command: "status",
    about: "What was found of each role, each provider account and Postgres.",
    schema: z.strictObject(look),
  },
  {
    command: "status --watch",
    about: "The same as one line for each look, with rates and with what is under way.",
    schema: z.strictObject({
      at: time(),
      ...look,
      rates: z
        .record(
          z.string(),
          z.strictObject({
            decisions: z.number().optional().describe("Decisions of the applications per second."),
            degraded: z.number().min(0).max(1).optional().describe("Share of them that a fallback made."),
            commands: z
              .number()
              .optional()
              .describe("Commands per second that the role’s servers processed."),
          }),
        )
        .describe("By role."),
      under_way: z.array(z.string()).describe("Recoveries and drills, a fact each."),
    }),
  },
];
