import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisFailover } from "../../catalog/modes/RedisFailover.ts";
import { signalPromql } from "../../core/signal/promql.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import { type PrometheusServer, startPrometheus } from "../../lab/servers/prometheus.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";

let workspace: Workspace;
let servers: RedisServer[];
let sentinels: Sentinels;
let cluster: RedisCluster;
let prometheus: PrometheusServer;

beforeAll(async () => {
  workspace = await createWorkspace("alerts");
  const primary = await startRedis(workspace, { name: "primary" });
  servers = [primary, await startReplica(workspace, primary, { name: "replica" })];
  const watched = { name: "sentinel", primary, primaryName: "filter", downAfterMs: 2000 };
  [sentinels, cluster] = await Promise.all([
    startSentinels(workspace, watched),
    startRedisCluster(workspace, { name: "node", shards: 3, replicasPerShard: 1 }),
  ]);
  const exporter = await startExporter(workspace, {
    roles: {
      dedup: {
        ...{ topology: "sentinel", sentinels: sentinels.addresses, primary: sentinels.primaryName },
        filter: { engine: "bitmap", capacity: 1000 },
      },
      preferences: { topology: "cluster", nodes: cluster.addresses },
    },
    exporter: { probe_timeout: "900ms" },
  });
  prometheus = await startPrometheus(workspace, {
    ...{ scrapeInterval: "1s", evaluationInterval: "1s" },
    ruleFiles: [fileURLToPath(new URL("../../alerts/rules/redisops.rules.yml", import.meta.url))],
    scrape: [{ job: "redisops", targets: [new URL(exporter.url).host] }],
  });
}, 2 * patience);

afterAll(async () => {
  await workspace.close();
});

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [time: number, value: string])[];
}

const now = () => Date.now() / 1000;

/** What Prometheus has of an expression from then until now, at every second. */
async function since(start: number, query: string): Promise<Series[]> {
  const end = now();
  const seconds = Math.ceil(Math.max(0, end - start)); // whole ones, so that the last moment is the present one
  const range = { query, start: String(end - seconds), end: String(end), step: "1" };
  const response = await fetch(`${prometheus.url}/api/v1/query_range?${new URLSearchParams(range)}`);
  const { data, error } = (await response.json()) as { data?: { result: Series[] }; error?: string };
  if (data === undefined) throw new Error(error);
  return data.result;
}

const labelled = (all: readonly Series[]) =>
  all.map(({ metric }) => `${metric.alertname} ${metric.role}`).sort();

/** Alerts that fired at any moment since then, as “name role”. */
const fired = async (start: number) =>
  labelled(await since(start, 'ALERTS{alertstate="firing",alertname!="Watchdog"}'));

/** Alerts whose condition holds now; RedisFailover’s is remembered for half an hour. */
const holding = async () => labelled(await since(now(), 'ALERTS{alertname!~"Watchdog|RedisFailover"}'));

/**
 * What RedisFailover looks at, without the half hour for which it remembers that: Prometheus looks once a minute, this
 * test at every second.
 */
function failoverCondition(): string {
  const whole = signalPromql(RedisFailover.signal, effectiveThresholds(RedisFailover));
  const condition = /^max_over_time\((.+)\[30m:1m\]\) > 0$/.exec(whole)?.[1];
  if (condition === undefined) throw new Error("RedisFailover is written otherwise than this test expects");
  return `${condition} > 0`;
}

const until = (what: string, condition: () => Promise<boolean>) =>
  waitUntil(condition, { what, deadlineMs: 2 * patience, intervalMs: 500 });

/** Waits until Prometheus has seen that another server is the primary of the shard than before. */
const failedOver = (start: number, role: string, shard: number) =>
  until(`Prometheus to see that shard ${shard} of ${role} failed over`, async () => {
    const [epochs] = await since(start, `redisops_shard_config_epoch{role="${role}",shard="${shard}"}`);
    return new Set(epochs?.values.map(([, value]) => value)).size > 1;
  });

/** Waits until every server is up, every primary has its replica, and no alert’s condition holds. */
const untilWhole = () =>
  until("both roles to be whole", async () => {
    const up = await since(now(), "redisops_redis_up == 1");
    const redundant = await since(now(), "redisops_shard_replicas_in_sync == 1");
    return up.length === 8 && redundant.length === 4 && (await holding()).length === 0;
  });

describe("alerts over a failover of real servers", { timeout: 4 * patience }, () => {
  it("are silent when it was ordered, of Sentinel and of a cluster", async () => {
    await untilWhole();
    const start = now();
    await sentinels.failover();
    const replica = cluster.nodes.find(({ shard, createdAs }) => shard === 0 && createdAs === "replica");
    await withRedis(replica?.port ?? 0, (client) => client.call("CLUSTER", "FAILOVER"));
    await failedOver(start, "dedup", 0);
    await failedOver(start, "preferences", 0);
    // What was pending on the way is over, so it will not fire later.
    await untilWhole();
    expect(await fired(start)).toEqual([]);
    expect(await since(start, failoverCondition())).toEqual([]);
  });

  it("are RedisFailover alone when primaries were killed and replaced", async () => {
    const start = now();
    const { port } = await sentinels.primaryAddress();
    const killed = servers.find((server) => server.port === port);
    await Promise.all([killed?.kill(), (await cluster.primaryOf(1)).server.kill()]);
    await failedOver(start, "dedup", 0);
    await failedOver(start, "preferences", 1);
    const failovers = ['role="dedup",shard="0"', 'role="preferences",shard="1"'];
    await until("RedisFailover to fire for both", async () => {
      const selectors = failovers.map(
        (labels) => `ALERTS{alertname="RedisFailover",alertstate="firing",${labels}}`,
      );
      return (await since(now(), selectors.join(" or "))).length === failovers.length;
    });
    const names = (await fired(start)).map((alert) => alert.split(" ")[0]);
    expect([...new Set(names)]).toEqual(["RedisFailover"]);
  });
});
