import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { DegradationMode } from "../catalog/mode.ts";
import { messageOf } from "../core/errors.ts";

/** Ends every drill: it undoes all faults of the lab. */
export const healCommand = "redisops lab inject heal";

/** A command of a runbook page, in the order of the page's use, and the lines that it must print in the mode's state. */
export interface PageCommand {
  /** `rehearse` brings the mode about, `decide` looks, `plan` and `execute` recover. */
  readonly part: "rehearse" | "decide" | "plan" | "execute";
  readonly command: string;
  /** As `DiagnosisStep.shows`; empty where only the exit code counts. */
  readonly shows: readonly string[];
}

/** The commands with which a mode is brought about on the lab; none where no drill can. */
export function drillCommands({ drill }: DegradationMode): string[] {
  return drill?.kind === "lab" ? drill.inject.map((words) => `redisops lab inject ${words}`) : [];
}

/** Every command of a mode's page that is run on the lab in the mode's state, and what it has to show there. */
export function pageCommands(mode: DegradationMode): PageCommand[] {
  const { remedy } = mode;
  return [
    ...drillCommands(mode).map((command) => ({ part: "rehearse" as const, command, shows: [] })),
    ...mode.diagnosis.map(({ command, shows = [] }) => ({ part: "decide" as const, command, shows })),
    ...(remedy.kind === "command"
      ? [
          { part: "plan" as const, command: remedy.command, shows: remedy.planShows ?? [] },
          {
            part: "execute" as const,
            command: `${remedy.command} --execute`,
            shows: remedy.executeShows ?? [],
          },
        ]
      : []),
  ];
}

/** Fingerprint of a page's drill, commands and what they show: whatever a run on the lab has proved. 16 hex digits. */
export function drillDigest(mode: DegradationMode): string {
  // What fires beside the mode is no part of its page.
  const { alsoFires: _, ...drill } = { alsoFires: undefined, ...mode.drill };
  const content = JSON.stringify([mode.drill === undefined ? null : drill, pageCommands(mode)]);
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}

const seconds = z.strictObject({
  /** From the fault until the alert fired, whose `for` is shorter in a drill. */
  detect: z.number().min(0).nullable(),
  /** From the first step of the recovery until the alert was over. */
  recover: z.number().min(0).nullable(),
  /** The command that ends the mode, and how long it took. */
  command: z.strictObject({ line: z.string().min(1), seconds: z.number().min(0) }).nullable(),
});

const verified = z.strictObject({
  /** How many commands were run, and their output compared. */
  commands: z.int().min(1),
  /** {@link drillDigest} at that time. */
  digest: z.string().regex(/^[0-9a-f]{16}$/),
  /** What the mode's drill measured; missing where the record is older than the measurement. */
  seconds: seconds.optional(),
  /** What they were run on. */
  versions: z.strictObject({
    redisops: z.string().min(1),
    redis: z.string().min(1),
    postgres: z.string().min(1),
    prometheus: z.string().min(1),
    node: z.string().min(1),
  }),
});

/** How long a mode's drill took; null where the drill has nothing of the kind. */
export type RecordedSeconds = z.infer<typeof seconds>;

/** The last run of a page's commands on the lab. */
export type Verified = z.infer<typeof verified>;

/** By mode. */
export type VerifiedPages = Readonly<Partial<Record<string, Verified>>>;

/** Where the record is in a checkout, and in the published package as seen from the compiled files. */
const places = ["verified.json", "../../runbooks/verified.json"];

/** What the test of the pages recorded; empty where there is no record. Throws when the record is damaged. */
export function readVerified(): VerifiedPages {
  for (const place of places) {
    const file = new URL(place, import.meta.url);
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch {
      continue;
    }
    try {
      return z.record(z.string(), verified).parse(JSON.parse(text));
    } catch (error) {
      throw new Error(`${file.pathname} is not a record of verified pages: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return {};
}

/** `verified` when the page is as it was when its commands were run; `changed` since, or `never`. */
export function verifiedState(
  mode: DegradationMode,
  record: Verified | undefined,
): "verified" | "changed" | "never" {
  if (record === undefined) return "never";
  return record.digest === drillDigest(mode) ? "verified" : "changed";
}

const modeNamesInOrder = (pages: VerifiedPages) => Object.entries(pages).sort(([a], [b]) => (a < b ? -1 : 1));

/** The record as it is committed in runbooks/verified.json. */
export function verifiedFile(pages: VerifiedPages): string {
  return `${JSON.stringify(Object.fromEntries(modeNamesInOrder(pages)), null, 2)}\n`;
}
