import { z } from "zod";
import { files, labels, type OutputDocument, time } from "./shared.ts";
import { statusRow } from "./status.ts";

const described = {
  mode: z.string(),
  title: z.string(),
  role: z.string(),
  severity: z.enum(["page", "ticket", "none"]),
  nature: z.enum(["symptom", "cause", "heartbeat"]),
  board: z.string().describe("Uid of the dashboard."),
  command: z.string().nullable().describe("What ends it."),
  instead: z.string().nullable().describe("What to do where no command ends it, or before it helps."),
};

/** What the platform says of a mode at this moment. */
export const liveMode = z.strictObject({
  platform: z.string(),
  source: z.enum(["probes", "prometheus", "none"]).describe("Who gave the values."),
  holds: z.boolean().nullable().describe("Whether the mode’s condition holds; null where it is not known."),
  findings: z.array(z.strictObject({ labels, value: z.number().nullable(), holds: z.boolean() })),
  alerts: z.array(z.strictObject({ state: z.string(), since: time(), labels })),
  rows: z.array(statusRow).describe("The rows of redisops status that the mode is about."),
  problems: z.array(z.string()).describe("Why something is not known."),
});

export const runbookDocuments: readonly OutputDocument[] = [
  {
    command: "runbook list",
    about: "All modes.",
    schema: z.strictObject({ modes: z.array(z.strictObject(described)) }),
  },
  {
    command: "runbook show",
    about: "A page, and what the platform says of the mode now.",
    schema: z.strictObject({
      ...described,
      url: z.string(),
      thresholds: z.record(z.string(), z.union([z.string(), z.number()])),
      verified: z
        .looseObject({ state: z.string() })
        .describe("Whether the page was run on the lab, and with which versions."),
      live: liveMode.nullable(),
      page: z.string().describe("Markdown."),
    }),
  },
  {
    command: "runbook open",
    about: "Where a page is.",
    schema: z.strictObject({ mode: z.string(), url: z.string(), opened: z.boolean() }),
  },
  {
    command: "runbook search",
    about: "Modes that mention the words, best first.",
    schema: z.strictObject({
      query: z.string(),
      modes: z.array(
        z.strictObject({
          ...described,
          score: z.number(),
          words: z.array(z.string()).describe("The words that it mentions."),
          found: z
            .strictObject({ field: z.string(), text: z.string() })
            .describe("The place that fits best."),
        }),
      ),
    }),
  },
  { command: "runbook build", about: "The pages that were written.", schema: files },
];
