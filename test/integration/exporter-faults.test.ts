import { rm } from "node:fs/promises";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { ErrorClass } from "../../catalog/error-class.ts";
import { parseConfig } from "../../core/config/load.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { long } from "../fixtures/long.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

/** A server that can be broken. */
interface Victim extends Pick<RedisServer, "port" | "pause" | "resume" | "kill" | "pid"> {
  readonly name: string;
  restart(): Promise<void>;
}

interface Fault {
  readonly name: string;
  readonly errorClass: ErrorClass;
  inject(victim: Victim): Promise<unknown>;
  heal(victim: Victim): Promise<unknown>;
}

const settings = (change: (client: Redis) => Promise<unknown>) => (victim: Victim) =>
  withRedis(victim.port, change);
const set = (name: string, value: string) => settings((client) => client.config("SET", name, value));

const faults: readonly Fault[] = [
  {
    name: "killed",
    errorClass: "refused",
    inject: (victim) => victim.kill(),
    heal: (victim) => victim.restart(),
  },
  {
    name: "hung",
    errorClass: "timeout",
    inject: async (victim) => {
      victim.pause();
      await frozen([victim.pid]);
    },
    heal: async (victim) => victim.resume(),
  },
  {
    name: "out of memory",
    errorClass: "out_of_memory",
    inject: set("maxmemory", "1"),
    heal: set("maxmemory", "0"),
  },
  {
    name: "without the replicas that it asks for",
    errorClass: "write_refused",
    inject: set("min-replicas-to-write", "9"),
    heal: set("min-replicas-to-write", "0"),
  },
  {
    name: "locked with another password",
    errorClass: "auth",
    inject: set("requirepass", "changed"),
    heal: ({ port }) =>
      withRedis(port, (client) => client.config("SET", "requirepass", ""), { password: "changed" }),
  },
];

/** Where `make test` has each fault: on the way to one server all of them, on the other ways one of each kind. */
const usual: Readonly<Record<string, readonly string[]>> = {
  registry: faults.map(({ name }) => name),
  rate_limit: ["killed", "hung"],
  preferences: ["killed", "out of memory"],
};

const faultsOf = (role: string) => faults.filter(({ name }) => long || usual[role]?.includes(name));

let workspace: Workspace;
let exporter: ExporterUnderTest;
const victims = new Map<string, Victim>();
/** Parts of redisops.yaml; a reload reads them as they are then. */
let parts: Record<string, unknown>;

const victimOf = (name: string, server: RedisServer): Victim => ({
  name,
  port: server.port,
  get pid() {
    return server.pid;
  },
  kill: () => server.kill(),
  pause: () => server.pause(),
  resume: () => server.resume(),
  restart: () => server.restart({ empty: false }),
});

beforeAll(async () => {
  workspace = await createWorkspace("exporter-faults");
  const [alone, primary, control, cluster] = await Promise.all([
    startRedis(workspace, { name: "alone" }),
    startRedis(workspace, { name: "primary" }),
    startRedis(workspace, { name: "control" }),
    startRedisCluster(workspace, {
      name: "cluster",
      shards: 3,
      replicasPerShard: 1,
      // Its own failover would end a fault before it is seen.
      config: ["cluster-node-timeout 600000", "cluster-require-full-coverage no"],
    }),
  ]);
  await startReplica(workspace, primary, { name: "replica" });
  const sentinels = await startSentinels(workspace, { name: "sentinel", primary, primaryName: "watched" });
  const shard = cluster.nodes.find((node) => node.shard === 1 && node.createdAs === "primary");
  if (shard === undefined) throw new Error("the cluster has no second shard");
  const standalone = ({ port }: RedisServer) => ({ topology: "standalone", address: `127.0.0.1:${port}` });
  victims.set("registry", victimOf("alone", alone));
  victims.set("rate_limit", victimOf("primary", primary));
  victims.set("preferences", victimOf("shard", shard.server));
  parts = {
    roles: {
      registry: standalone(alone),
      rate_limit: { topology: "sentinel", sentinels: sentinels.addresses, primary: "watched" },
      preferences: { topology: "cluster", nodes: cluster.addresses },
      sequence: standalone(control),
    },
    exporter: { probe_timeout: "3s" },
  };
  const load = () => parseConfig(stringify({ platform: "test", ...parts }), "test.yaml");
  exporter = await startExporter(workspace, parts, { load });
}, patience);

afterAll(async () => {
  await workspace.close();
});

/** Scrapes without a pause, several at once, until stopped; every page must be whole and the others' roles up. */
function scrapers(count: number, victimRole: string) {
  let going = true;
  let pages = 0;
  const others = ["registry", "rate_limit", "preferences", "sequence"].filter((role) => role !== victimRole);
  const scraper = async () => {
    while (going) {
      const page = await exporter.scrape();
      pages += 1;
      for (const role of others) expect([role, page.verdict(role)]).toEqual([role, "up"]);
      page.verdict(victimRole);
      const series = page.series.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
      expect(new Set(series).size).toBe(series.length);
    }
  };
  const all = Promise.all(Array.from({ length: count }, scraper));
  return {
    pages: () => pages,
    stop: async () => {
      going = false;
      await all;
    },
    failed: all.then(
      () => undefined,
      (error: unknown) => error,
    ),
  };
}

/** How the victim fails, as the page has it: of a role without other shards its own verdict, else its shard's. */
function failureOf(page: MetricsPage, role: string): string {
  if (role !== "preferences") return page.verdict(role);
  expect(page.verdict(role)).toBe("up");
  const failing = page.all("redisops_shard_failure", { role }).filter(({ value }) => value === 1);
  expect(failing.every(({ labels }) => labels.shard === "1")).toBe(true);
  return failing[0]?.labels.error_class ?? "up";
}

describe.each(["registry", "rate_limit", "preferences"])(
  "under concurrent scrapes, with reloads in between, a server of %s",
  { timeout: 2 * patience },
  (role) => {
    it.each(faultsOf(role))(
      "that is $name is reported as $errorClass, and nothing else changes",
      async (fault) => {
        const victim = victims.get(role);
        if (victim === undefined) throw new Error(`no victim for ${role}`);
        const load = scrapers(4, role);
        const until = (wanted: string) =>
          exporter.scrapeUntil(`${role} to be ${wanted}`, (page) => failureOf(page, role) === wanted);
        const whole = parts;
        try {
          await until("up");
          await fault.inject(victim);
          await until(fault.errorClass);
          parts = { ...whole, roles: { registry: { topology: "nonsense" } } };
          expect(exporter.server.state.reload()?.code).toBe("CONFIG_INVALID");
          await until(fault.errorClass);
          parts = whole;
          expect(exporter.server.state.reload()).toBeUndefined();
          const page = await until(fault.errorClass);
          const available = page.value("redisops_role_key_space_available_ratio", { role });
          expect(available).toBeCloseTo(role === "preferences" ? 2 / 3 : 0, 2);
          await fault.heal(victim);
          const healed = await until("up");
          expect(healed.value("redisops_role_key_space_available_ratio", { role })).toBe(1);
          const seen = load.pages();
          await waitUntil(() => load.pages() > seen + 4, { what: "more scrapes", deadlineMs: patience });
        } finally {
          parts = whole;
          await load.stop();
        }
        expect(await load.failed).toBeUndefined();
      },
    );
  },
);

it(
  "a snapshot that fails is reported as write_refused on each topology",
  async () => {
    for (const [role, victim] of victims) {
      const folder = await dataFolder(victim);
      await rm(folder, { recursive: true });
      await withRedis(victim.port, async (client) => {
        await client.config("SET", "save", "3600 1");
        await client.bgsave().catch(() => undefined);
        const failed = async () => (await client.info("persistence")).includes("rdb_last_bgsave_status:err");
        await waitUntil(failed, { what: "the snapshot to have failed", deadlineMs: patience });
      });
      await exporter.scrapeUntil(
        `${role} to refuse writes`,
        (page) => failureOf(page, role) === "write_refused",
      );
      await set("save", "")(victim);
      await exporter.scrapeUntil(`${role} to be up`, (page) => failureOf(page, role) === "up");
    }
  },
  2 * patience,
);

/** The folder that a server writes its snapshots to. */
async function dataFolder(victim: Victim): Promise<string> {
  const [, folder] = (await withRedis(victim.port, (client) => client.config("GET", "dir"))) as string[];
  if (folder === undefined) throw new Error(`${victim.name} tells no folder`);
  return folder;
}
