import { formatDuration } from "../../../core/duration.ts";
import type { DrillResult, DrillRunResult } from "../drill-result.ts";

const seconds = (value: number | null): string => (value === null ? "–" : formatDuration(value * 1000));
const count = (value: number | null): string => (value === null ? "–" : value.toLocaleString("en-US"));

/** The figures of a drill, with what stands above them; `–` where the drill has none of the kind. */
export const drillFigures = [
  { head: "detect", of: (result: DrillResult) => seconds(result.seconds.detect) },
  { head: "contain", of: (result: DrillResult) => seconds(result.seconds.contain) },
  { head: "recover", of: (result: DrillResult) => seconds(result.seconds.recover) },
  { head: "lost", of: (result: DrillResult) => count(result.messagesLost) },
  { head: "duplicates", of: (result: DrillResult) => count(result.duplicates) },
  { head: "exposures", of: (result: DrillResult) => count(result.exposures) },
] as const;

/** What a drill’s verdict is called. */
export const verdictOf = ({ passed }: Pick<DrillResult, "passed">): string => (passed ? "passed" : "FAILED");

/** A row for each drill: the modes, the verdict, and the figures of {@link drillFigures}. */
export function drillTable({ drills }: Pick<DrillRunResult, "drills">): { head: string[]; rows: string[][] } {
  return {
    head: ["drill", "verdict", ...drillFigures.map(({ head }) => head)],
    rows: drills.map((result) => [
      result.modes.join(", "),
      verdictOf(result),
      ...drillFigures.map(({ of }) => of(result)),
    ]),
  };
}

const sum = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
};

/** What a run of drills adds up to: `messages lost 0, duplicates 3, exposures 0`; what nobody counted is not named. */
export function drillTotals({ drills }: Pick<DrillRunResult, "drills">): string {
  const totals = [
    ["messages lost", sum(drills.map(({ messagesLost }) => messagesLost))],
    ["duplicates", sum(drills.map(({ duplicates }) => duplicates))],
    ["exposures", sum(drills.map(({ exposures }) => exposures))],
  ] as const;
  const known = totals.filter(([, value]) => value !== null);
  return known.map(([what, value]) => `${what} ${count(value)}`).join(", ");
}

/** How a run ended, in one sentence. */
export function drillVerdict(run: DrillRunResult): string {
  const failed = run.drills.filter(({ passed }) => !passed).length;
  const all = run.drills.length === 1 ? "1 drill" : `${run.drills.length} drills`;
  const verdict = failed === 0 ? `${all} passed` : `${failed} of ${all} failed`;
  const rest = run.interrupted ? "; interrupted, so that some are missing" : "";
  return `${verdict} on ${run.target} in ${formatDuration(run.totalSeconds * 1000)}${rest}`;
}

/** What is said below the table: the verdict, the totals, how the drills are repeated, then what was not as it should be. */
export function drillSummaryLines(run: DrillRunResult): string[] {
  const totals = drillTotals(run);
  const problems = run.drills.flatMap(({ modes, problems }) =>
    problems.length === 0 ? [] : ["", modes.join(", "), ...problems.map((problem) => `  - ${problem}`)],
  );
  return [
    `${drillVerdict(run)}${totals === "" ? "" : `: ${totals}`}`,
    `The same order again: --seed=${run.seed}`,
    ...problems,
  ];
}
