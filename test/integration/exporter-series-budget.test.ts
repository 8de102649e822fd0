import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { roles } from "../../catalog/roles.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";
import type { MetricsPage, Series } from "./exporter-page.ts";
import { lateMetrics, startPlatform } from "./exporter-platform.ts";

/** Most series of one Redis server, with all that its roles report. */
const instanceBudget = 300;
/** Most series of one role that do not grow with its servers, shards and accounts. */
const roleBudget = 40;
/** Series that carry one of these grow with the platform, and with what is run on it. */
const growing = ["node", "shard", "provider", "account", "recovery", "mode"];
const ofExporter = /^redisops_(?:probe|exporter)_/;
/** Every rule of a contract is one series: all of them are declared. */
const contract = {
  ...{ persistence: "aof", eviction: "noeviction", replicas: 1 },
  ...{ min_replicas_to_write: 0, maxmemory: "limited" },
};

let workspace: Workspace;
let page: MetricsPage;
/** `host:port` of the one server of the roles sequence and token_bucket. */
let alone: string;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  const { config, redis } = await startPlatform(workspace);
  alone = `127.0.0.1:${redis.port}`;
  const declared = Object.entries(config.roles ?? {}).map(([role, own]) => [role, { ...own, contract }]);
  const exporter = await startExporter(workspace, { ...config, roles: Object.fromEntries(declared) });
  page = await exporter.scrapeUntil("all that a platform reports", (scraped) =>
    lateMetrics.every((metric) => scraped.all(metric).length > 0),
  );
}, patience);

afterAll(async () => {
  await workspace.close();
});

/** How many series there are of each value of a label. */
function counts(series: readonly Series[], label: string): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const { labels } of series) {
    const value = labels[label];
    if (value !== undefined) counted[value] = (counted[value] ?? 0) + 1;
  }
  return counted;
}

const beyond = (counted: Readonly<Record<string, number>>, budget: number) =>
  Object.entries(counted).filter(([, count]) => count > budget);

describe("the series of a whole platform", { timeout: patience }, () => {
  it(`are ${roleBudget} at most for a role, beside those of its servers, shards and accounts`, () => {
    const own = page.series.filter(
      ({ name, labels }) => !ofExporter.test(name) && growing.every((label) => labels[label] === undefined),
    );
    const ofRoles = counts(own, "role");
    // Postgres and each Redis role has more than its availability; the exporter itself has no budget.
    for (const role of roles.filter((each) => each !== "self"))
      expect(ofRoles[role], role).toBeGreaterThan(12);
    const { self: _, ...budgeted } = ofRoles;
    expect(beyond(budgeted, roleBudget)).toEqual([]);
  });

  it(`are ${instanceBudget} at most for a Redis server, with all roles that it has`, () => {
    const ofNodes = counts(page.series, "node");
    // One alone with its replica and a Sentinel, and a cluster of six.
    expect(Object.keys(ofNodes)).toHaveLength(9);
    expect(beyond(ofNodes, instanceBudget)).toEqual([]);

    const ofAlone = page.series.filter(
      ({ labels }) =>
        labels.node === alone ||
        (["sequence", "token_bucket"].includes(labels.role ?? "") &&
          labels.node === undefined &&
          labels.provider === undefined),
    );
    expect(ofAlone.length).toBeGreaterThan(100);
    expect(ofAlone.length).toBeLessThanOrEqual(instanceBudget);
  });
});
