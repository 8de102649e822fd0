import { messageOf } from "../../core/errors.ts";
import { type BoardQuery, panelQueries } from "../../dashboards/queries.ts";
import { waitUntil } from "../wait.ts";
import { instantQuery } from "./promql.ts";
import type { Stage } from "./stage.ts";

/** Longest time until a metric is there that a probe makes at its second run, in milliseconds. */
const deadlineMs = 90_000;
/** `$__rate_interval`: ten scrapes of the lab. */
const window = "20s";

/**
 * Whether every query of every board is one that Prometheus understands, and those that always have data have it, as on a
 * platform that is well. Answers what is wrong after some patience; `later` names queries that may have no data yet.
 */
export async function boardProblems(
  { prometheus }: Pick<Stage, "prometheus">,
  later: (query: BoardQuery) => boolean = () => false,
): Promise<string[]> {
  const queries = panelQueries({ window });
  const problemOf = async (query: BoardQuery): Promise<string[]> => {
    const { board, panel, expression, present } = query;
    const where = `${board}, ${panel}: ${expression}`;
    try {
      const { length } = await instantQuery(prometheus, expression);
      return present === "always" && length === 0 && !later(query) ? [`no data: ${where}`] : [];
    } catch (error) {
      return [`${messageOf(error)}: ${where}`];
    }
  };
  let problems: string[] = [];
  const good = async () => {
    problems = (await Promise.all(queries.map(problemOf))).flat();
    return problems.length === 0;
  };
  await waitUntil(good, { what: "data on all boards", deadlineMs, intervalMs: 2_000 }).catch(() => undefined);
  return problems;
}
