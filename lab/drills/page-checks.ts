import type { DegradationMode } from "../../catalog/mode.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf } from "../../core/errors.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import { panelQueries } from "../../dashboards/queries.ts";
import type { CommandOutcome } from "../../operations/drills/target.ts";
import { comparedValue, conditionsOf } from "../../runbooks/conditions.ts";
import { metricsNamedIn } from "../../runbooks/prose.ts";
import { type PageCommand, pageCommands } from "../../runbooks/verified.ts";
import { waitUntil } from "../wait.ts";
import { runPageCommand } from "./page-command.ts";
import { instantQuery, seriesWithin } from "./promql.ts";
import { missingLine } from "./shown-lines.ts";
import type { Stage } from "./stage.ts";

/** How long a command is run again when it does not show the state yet, in milliseconds: some scrapes. */
const settleMs = 30_000;
/** `$__rate_interval` in a drill: ten scrapes of the lab. */
const window = "20s";
/** What a panel draws, in seconds: what led to the mode as well, since a line may end with what the mode takes away. */
const drawnSeconds = 120;

/** Runs the commands of pages, those that several modes name only once while they show what each of them expects. */
export class PageCommands {
  readonly #stage: Stage;
  readonly #latest = new Map<string, CommandOutcome>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The commands of a part of a mode's page. Answers what they do not show. */
  async check(mode: DegradationMode, part: PageCommand["part"]): Promise<string[]> {
    const problems: string[] = [];
    for (const command of pageCommands(mode).filter((each) => each.part === part)) {
      const problem = await this.#checkOne(mode, command);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }

  /** Runs the plan of a mode's remedy, or the remedy, and says what is wrong with it. */
  async remedy(mode: DegradationMode, part: "plan" | "execute") {
    const [command] = pageCommands(mode).filter((each) => each.part === part);
    if (command === undefined) throw new Error(`${mode.id} has no command to ${part}`);
    const problem = await this.#checkOne(mode, command);
    return { code: this.#latest.get(command.command)?.code ?? null, problem };
  }

  async #checkOne(mode: DegradationMode, { part, command, shows }: PageCommand) {
    const changes = part === "execute";
    const matches = (outcome: CommandOutcome) => wrongWith({ part, shows }, outcome) === undefined;
    let outcome = this.#latest.get(command);
    if (outcome === undefined || !matches(outcome)) {
      const run = async () => {
        outcome = await runPageCommand(command, this.#stage.configFile);
        this.#latest.set(command, outcome);
        // What changes something is run once, as on-call would.
        return changes || matches(outcome);
      };
      await waitUntil(run, { what: command, deadlineMs: settleMs, intervalMs: 1_000 }).catch(() => undefined);
    }
    if (outcome === undefined) return `${mode.id}: ${command} could not be run`;
    const wrong = wrongWith({ part, shows }, outcome);
    return wrong === undefined
      ? undefined
      : `${mode.id}: \`${command}\` ${wrong}; it printed:\n${outcome.output}`;
  }
}

/** Exit codes that say nothing against a page: `status` fails where a mode holds, a plan may announce changes. */
const fine: Readonly<Record<PageCommand["part"], readonly number[]>> = {
  rehearse: [exitCodes.done],
  decide: [exitCodes.done, exitCodes.failed, exitCodes.planHasChanges],
  plan: [exitCodes.done, exitCodes.planHasChanges],
  execute: [exitCodes.done],
};

function wrongWith({ part, shows }: Pick<PageCommand, "part" | "shows">, { code, output }: CommandOutcome) {
  if (code === null || !fine[part].includes(code)) return `exits ${code}`;
  const missing = missingLine(shows, output);
  if (missing === undefined) return undefined;
  const after = missing.after === undefined ? "" : ` after “${missing.after}”`;
  return `does not show “${missing.line}”${after}`;
}

/** Whether the panels that a mode names have data while it holds, at the latest soon. Answers those that do not. */
export async function panelProblems(
  stage: Pick<Stage, "prometheus">,
  mode: DegradationMode,
): Promise<string[]> {
  let problems: string[] = [];
  const good = async () => {
    problems = await panelProblemsNow(stage, mode);
    return problems.length === 0;
  };
  await waitUntil(good, { what: "panels", deadlineMs: settleMs, intervalMs: 1_000 }).catch(() => undefined);
  return problems;
}

async function panelProblemsNow(
  { prometheus }: Pick<Stage, "prometheus">,
  mode: DegradationMode,
): Promise<string[]> {
  const queries = panelQueries({ window }).filter(({ panel }) => mode.panels.includes(panel));
  const answered = await Promise.all(
    queries.map(async (query) => {
      try {
        const series = await seriesWithin(prometheus, query.expression, drawnSeconds);
        return { ...query, series, error: undefined };
      } catch (error) {
        return { ...query, series: 0, error: messageOf(error) };
      }
    }),
  );
  const problems = answered.flatMap(({ panel, error }) =>
    error === undefined ? [] : [`${mode.id}: panel ${panel}: ${error}`],
  );
  for (const panel of mode.panels) {
    const own = answered.filter((query) => query.panel === panel);
    if (own.length === 0) continue; // a text panel
    if (!own.some(({ series }) => series > 0)) problems.push(`${mode.id}: panel ${panel} has no data`);
    for (const { series, expression, present } of own) {
      if (series > 0 || typeof present === "string" || !("during" in present)) continue;
      if (present.during.includes(mode.id))
        problems.push(`${mode.id}: panel ${panel}: no data for ${expression}`);
    }
  }
  return problems;
}

/** The PromQL that a mode's page tells to paste. Answers what Prometheus has against it. */
export async function pastedProblems(
  { prometheus }: Pick<Stage, "prometheus">,
  mode: DegradationMode,
): Promise<string[]> {
  const thresholds = effectiveThresholds(mode);
  const value = comparedValue(mode, thresholds);
  const pasted = [
    ...conditionsOf(mode, thresholds).map(({ promql }) => promql),
    ...(value === undefined ? [] : [value.promql]),
    ...metricsNamedIn(mode.remedy.proof),
  ];
  const problems = await Promise.all(
    pasted.map((expression) =>
      instantQuery(prometheus, expression).then(
        () => [],
        (error: unknown) => [`${mode.id}: what the page tells to paste: ${messageOf(error)}`],
      ),
    ),
  );
  return problems.flat();
}
