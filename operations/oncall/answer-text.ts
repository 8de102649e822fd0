import { formatDuration } from "../../core/duration.ts";
import type { AlertAnswer, Answer, Execution, PlanAnswer } from "./answer.ts";

/** A part of an answer as a person reads it: a heading, and labelled lines below it. */
export interface Section {
  readonly heading: string;
  /** `command` marks what can be copied and run. */
  readonly lines: readonly { readonly label: string; readonly value: string; readonly command?: true }[];
}

/** Values and servers that are listed one by one; of more the rest is counted. */
const mostListed = 6;

const figure = (value: number) => String(Number(value.toPrecision(4)));

const labelText = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels)
    .filter(([label]) => label !== "__name__")
    .map(([label, value]) => `${label} ${value}`)
    .join(", ");

function listed<T>(items: readonly T[], text: (item: T) => string): string[] {
  const more = items.length - mostListed;
  return [...items.slice(0, mostListed).map(text), ...(more > 0 ? [`and ${more} more`] : [])];
}

function planLines(plan: PlanAnswer): Section["lines"] {
  if (plan.error !== null)
    return [{ label: "plan", value: `recover ${plan.recovery}: ${plan.error.code}: ${plan.error.message}` }];
  const what = `recover ${plan.recovery} on ${plan.target}`;
  if (plan.status === "nothing_to_do") return [{ label: "plan", value: `${what}: nothing to do` }];
  return [
    { label: "plan", value: what },
    ...(plan.duration === null ? [] : [{ label: "", value: `duration: ${plan.duration}` }]),
    ...plan.facts.map(({ label, value }) => ({ label: "", value: `${label}: ${value}` })),
    ...plan.risks.map((risk) => ({ label: "risk", value: risk })),
    ...(plan.severe === null ? [] : [{ label: "severe", value: plan.severe }]),
  ];
}

function alertSection(answer: AlertAnswer, now: number): Section {
  const { live, plan, since } = answer;
  const where = answer.role === null ? answer.severity : `${answer.severity}, ${answer.role}`;
  const age = formatDuration(Math.max(0, now - Date.parse(since)));
  const lines = (label: string, values: readonly string[]) =>
    values.map((value, index) => ({ label: index === 0 ? label : "", value }));
  const isCommand = answer.next.startsWith("redisops ");
  return {
    heading: `${answer.alert} (${where}) ${answer.status}: ${answer.title}`,
    lines: [
      ...lines("alert", [
        `began ${age} ago`,
        ...answer.labels.map(labelText),
        ...(answer.more > 0 ? [`and ${answer.more} more`] : []),
      ]),
      ...(live === null
        ? []
        : [
            {
              label: "now",
              value: `${answer.verdict}${live.source === "none" ? "" : `, say${live.source === "probes" ? " the probes" : "s Prometheus"}`}`,
            },
            ...lines(
              "value",
              listed(
                live.findings.toSorted((a, b) => Number(b.holds) - Number(a.holds)),
                ({ labels, value, holds }) =>
                  `${[labelText(labels), value === null ? "" : figure(value)].filter((part) => part !== "").join(": ")} (${holds ? "holds" : "does not hold"})`,
              ),
            ),
            ...lines(
              "server",
              listed(live.rows, ({ role, target, state, modes, observed }) =>
                [`${role} ${target} ${state}`, ...modes.map(({ id }) => id), ...observed].join("; "),
              ),
            ),
            ...lines("not known", live.problems),
          ]),
      ...lines(
        "decide",
        answer.decide.map(({ observed, conclusion }) => `${observed}: ${conclusion}`),
      ),
      ...(plan === null ? [] : planLines(plan)),
      { label: "next", value: answer.next, ...(isCommand && { command: true as const }) },
      { label: "runbook", value: answer.runbook },
      { label: "board", value: answer.dashboard },
    ],
  };
}

const outcomeWords: Readonly<Record<Execution["outcome"], string>> = {
  done: "was carried out, and its verification holds",
  verification_failed: "was carried out, and its verification does not hold",
  failed: "failed",
  waiting: "is not carried out yet",
  refused: "is not carried out: a person has to decide",
  over: "has nothing to do any more",
};

/** An answer, or what became of a recovery, as sections. `now` in milliseconds since the epoch. */
export function sections(said: Answer | Execution, now: number): Section[] {
  if (said.kind === "execution") {
    const { recovery, alert, outcome, because, run, facts, next } = said;
    return [
      {
        heading: `recover ${recovery} for ${alert} ${outcomeWords[outcome]}`,
        lines: [
          { label: "because", value: because },
          ...(run === null ? [] : [{ label: "run", value: run }]),
          ...facts.map(({ label, value }) => ({ label, value })),
          ...(next === null
            ? []
            : [
                {
                  label: "next",
                  value: next,
                  ...(next.startsWith("redisops ") && { command: true as const }),
                },
              ]),
        ],
      },
    ];
  }
  const own = said.alerts.map((answer) => alertSection(answer, now));
  if (said.skipped === 0) return own;
  const names = said.unknown.length === 0 ? "" : ` (${said.unknown.join(", ")})`;
  const count = `${said.skipped} ${said.skipped === 1 ? "alert" : "alerts"}`;
  return [...own, { heading: `${count} of which redisops knows nothing${names}`, lines: [] }];
}
