import type { Config } from "../core/config/schema.ts";
import type { BuiltDashboard } from "../dashboards/build.ts";
import type { Generated } from "./write-generated.ts";

/** The boards with the limits and the links of a configuration. */
export async function boardsOf({ thresholds, alerting }: Config): Promise<BuiltDashboard[]> {
  const { buildDashboards } = await import("../dashboards/build.ts");
  return buildDashboards({ thresholds, runbookBaseUrl: alerting.runbook_base_url });
}

async function builtFrom(path: string): Promise<BuiltDashboard[]> {
  const { loadConfig } = await import("../core/config/load.ts");
  return boardsOf(loadConfig(path));
}

const file = (name: string, json: object) => ({
  name,
  text: `${JSON.stringify(json, null, 2)}\n`,
  secret: false,
});

/** The boards as files that Grafana provisions. `path` is the configuration’s. */
export async function classicBoards(path: string): Promise<Generated> {
  return (await builtFrom(path)).map(({ fileName, json }) => file(fileName, json));
}

/** The boards as manifests of Grafana’s v2 schema. */
export async function v2Boards(path: string): Promise<Generated> {
  const { v2Manifest } = await import("../dashboards/v2.ts");
  return (await builtFrom(path)).map(({ fileName, json }) => file(fileName, v2Manifest(json)));
}
