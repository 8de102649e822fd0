import type { RedisRole } from "../catalog/roles.ts";
import type { DataPanel, PanelQuery, PanelSpec } from "./panel.ts";

/** A role as panel ids and boards' addresses write it. */
export function dashed(role: RedisRole): string {
  return role.replaceAll("_", "-");
}

/** Every selector of an expression that `series()` wrote, and every recorded series, with the role in addition. */
function ofRole(expression: string, role: RedisRole): string {
  return expression.replace(
    /\b(redisops[_:][a-z_:]+)(\{)?/g,
    (_, series: string, open?: string) => `${series}{role="${role}"${open === undefined ? "}" : ","}`,
  );
}

/** The role goes without saying on its own board, except where nothing else tells the series apart. */
function legendOfRole(legend: string): string {
  return legend.replace(/^\{\{role\}\}:? (?=\S)/, "");
}

/** How the roles run on the lab; a platform may have it otherwise. */
const labTopology: Readonly<Record<RedisRole, "standalone" | "sentinels" | "cluster">> = {
  registry: "standalone",
  rate_limit: "standalone",
  sequence: "standalone",
  preferences: "cluster",
  dedup: "sentinels",
  token_bucket: "cluster",
};

/** When a role's part of a query has series, given when the whole query has. */
function presenceOfRole({ present, needs }: PanelQuery, role: RedisRole): Pick<PanelQuery, "present"> {
  const topology = labTopology[role];
  const has = needs === undefined || (needs === "replicas" ? topology !== "standalone" : topology === needs);
  if (!has) return { present: { elsewhere: `where the role has ${needs}; on the lab it runs ${topology}` } };
  return present === undefined ? {} : { present };
}

/** One role's part of a panel that draws all roles. */
export function narrowed(panel: DataPanel, role: RedisRole): DataPanel {
  return {
    ...panel,
    id: `${panel.id}-${dashed(role)}`,
    narrows: { panel: panel.id, role },
    queries: panel.queries.map((query) => ({
      ...query,
      ...presenceOfRole(query, role),
      expression: ofRole(query.expression, role),
      legend: legendOfRole(query.legend),
    })),
  };
}

/** The panels of the given ids, in that order. Throws on an id that is not among them (a defect, caught by tests). */
export function chosen<Panel extends PanelSpec>(
  panels: readonly Panel[],
  ...ids: readonly string[]
): Panel[] {
  return ids.map((id) => {
    const found = panels.find((panel) => panel.id === id);
    if (found === undefined) throw new Error(`There is no panel ${id} to choose`);
    return found;
  });
}
