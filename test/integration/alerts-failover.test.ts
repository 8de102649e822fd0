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

const at = (port: number) => `127.0.0.1:${port}`;

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

/** What Prometheus has of an expression from then until now, second by second. */
async function since(start: number, query: string): Promise<Series[]> {
  const range = { query, start: String(start), end: String(Date.now() / 1000), step: "1" };
  const response = await fetch(`${prometheus.url}/api/v1/query_range?${new URLSearchParams(range)}`);
  const { data, error } = (await response.json()) as { data: { result: Series[] }; error?: string };
  if (error !== undefined) throw new Error(error);
  return data.result;
}

const now = () => Date.now() / 1000;

/** Alerts that fired at any moment since then, as “name role”. Pending ones are left to the alerts’ own `for`. */
async function fired(start: number): Promise<string[]> {
  const alerts = await since(start, 'ALERTS{alertstate="firing",alertname!="Watchdog"}');
  return alerts.map(({ metric }) => `${metric.alertname} ${metric.role}`).sort();
}

/** Longest time in seconds for which an expression held for the same series since then. */
async function held(start: number, query: string): Promise<number> {
  return Math.max(0, ...(await since(start, query)).map(({ values }) => values.length));
}

/**
 * What RedisFailover looks at, without the half hour for which it remembers that: this one is looked at every second and
 * not every minute.
 */
const failoverNow = (): string => {
  const [, condition] = /^max_over_time\((.+)\[30m:1m\]\) > 0$/.exec(
    signalPromql(RedisFailover.signal, effectiveThresholds(RedisFailover)),
  ) ?? [undefined, undefined];
  if (condition === undefined) throw new Error("RedisFailover is written otherwise than this test expects");
  return `(${condition}) > 0`;
};

const valueNow = async (query: string): Promise<string | undefined> =>
  (await since(now() - 1, query)).at(-1)?.values.at(-1)?.[1];

const until = (what: string, condition: () => Promise<boolean>) =>
  waitUntil(condition, { what, deadlineMs: 2 * patience, intervalMs: 500 });

describe("alerts over a failover of real servers", { timeout: 4 * patience }, () => {
  it("x", async () => {
    await until("ok", async () => (await valueNow("min(redisops_shard_replicas_in_sync)")) === "1");
    console.log(failoverNow());
    const start = now();
    await sentinels.failover();
    console.log("failed over", now() - start, await fired(start));
    const replica = cluster.nodes.find(({ createdAs }) => createdAs === "replica");
    await withRedis(replica?.port ?? 0, (client) => client.call("CLUSTER", "FAILOVER"));
    await until("ok", async () => (await valueNow('changes(redisops_shard_config_epoch{role="preferences",shard="0"}[5m])')) === "1");
    await until("ok", async () => (await valueNow('changes(redisops_shard_config_epoch{role="dedup",shard="0"}[5m])')) === "1");
    await until("ok", async () => (await valueNow("min(redisops_shard_replicas_in_sync)")) === "1");
    await new Promise((done) => setTimeout(done, 15000));
    console.log(now() - start, await fired(start));
    console.log(JSON.stringify(await since(start, failoverNow())));
    for (const q of ["redisops_role_up", "redisops_shard_up", "redisops_bloom_readable", "redisops_redis_up", "redisops_redis_loading", "redisops_shard_replicas_in_sync","redisops_shard_config_epoch", "redisops_sentinel_failover_possible"]) {
      for (const {metric, values} of await since(start, q)) console.log(q, JSON.stringify({...metric, __name__: undefined, instance: undefined, job: undefined}), values.map(([,v]) => v).join(""));
    }
    console.log(await since(start, 'ALERTS{alertname!="Watchdog"}').then((s) => s.map(({metric, values}) => JSON.stringify(metric) + values.length)));
    const killed = now();
    const { port } = await sentinels.primaryAddress();
    await servers.find((s) => s.port === port)?.kill();
    await until("RedisFailover to fire", async () => (await fired(killed)).includes("RedisFailover dedup"));
    console.log(now() - killed, await fired(start), at(port));
    for (const q of ["redisops_role_up", "redisops_shard_up", "redisops_bloom_readable", "redisops_redis_up", "redisops_redis_loading", "redisops_shard_replicas_in_sync","redisops_shard_config_epoch"]) {
      for (const {metric, values} of await since(killed, q)) console.log(q, JSON.stringify({...metric, __name__: undefined, instance: undefined, job: undefined}), values.map(([,v]) => v).join(""));
    }
  });
});
