import type { Config } from "../../core/config/schema.ts";
import { GrafanaApi } from "../../core/grafana.ts";
import { buildDashboards } from "../../dashboards/build.ts";
import { compareBoards, type Standing } from "../../dashboards/publishing/publish.ts";
import { type Check, type CheckStatus, checked, failure } from "./check.ts";

const judged: Readonly<Record<Exclude<Standing, "same">, readonly [CheckStatus, string]>> = {
  missing: ["failed", "not there"],
  outdated: ["warning", "of another version or configuration"],
  edited: ["warning", "changed by hand"],
  foreign: ["warning", "not made by redisops"],
  provisioned: ["warning", "read from files, and not as this version builds them"],
  v2: ["warning", "saved in the v2 schema, so not comparable"],
};

/** Whether Grafana has the boards as this version builds them. `path` is the configuration's, for the fix. */
export async function grafanaChecks(config: Config, path: string): Promise<Check[]> {
  const { grafana, thresholds, alerting } = config;
  const id = "grafana.boards";
  if (grafana === undefined) {
    return [
      checked(
        id,
        "skipped",
        "redisops.yaml names no Grafana",
        'grafana: { url: http://GRAFANA:3000, token: "${GRAFANA_TOKEN}" }   # in redisops.yaml',
      ),
    ];
  }
  try {
    const boards = buildDashboards({ thresholds, runbookBaseUrl: alerting.runbook_base_url });
    const comparisons = await compareBoards(new GrafanaApi(grafana), boards);
    const kinds = Map.groupBy(comparisons, ({ standing }) => standing);
    const parts = [...kinds].flatMap(([standing, all]) =>
      standing === "same" ? [] : [{ standing, uids: all.map(({ board }) => board.uid) }],
    );
    if (parts.length === 0)
      return [checked(id, "ok", `all ${boards.length} are as this version builds them`)];
    const status = parts.some(({ standing }) => judged[standing][0] === "failed") ? "failed" : "warning";
    const found = parts.map(({ standing, uids }) => `${judged[standing][1]}: ${uids.join(", ")}`).join("; ");
    return [
      checked(
        id,
        status,
        found,
        `redisops dashboards diff --config ${path}\nredisops dashboards push --config ${path}`,
      ),
    ];
  } catch (error) {
    return [failure(id, error)];
  }
}
