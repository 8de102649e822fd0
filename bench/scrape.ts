import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { checkout } from "../lab/checkout.ts";
import { type ServerProcess, startServer } from "../lab/process.ts";
import { answersOk } from "../lab/servers/http-ready.ts";
import { type RedisServer, startRedis } from "../lab/servers/redis.ts";
import { withRedis } from "../lab/servers/redis-client.ts";
import { startRedisCluster } from "../lab/servers/redis-cluster.ts";
import { startReplica } from "../lab/servers/redis-replica.ts";
import { startSentinels } from "../lab/servers/sentinel.ts";
import { createWorkspace, type Workspace } from "../lab/workspace.ts";
import { alternate, type Benchmark, type Figure, median } from "./harness.ts";
import { peerProgram } from "./peers.ts";
import { cpuSeconds, residentMegabytes } from "./process-usage.ts";
import { type Page, Scraper, seriesOf } from "./scraper.ts";

const ROUNDS = 5;
const SCRAPES = 400;
const PLATFORM_SCRAPES = 100;
const ENDURANCE_SCRAPES = 10_000;
/** Scrapes after which the exporter has all the memory that it needs. */
const WARM_SCRAPES = 1_000;
const KEYS = 20_000;
/** Prometheus's default scrape timeout, and what an exporter leaves of it for the way back, in seconds. */
const SCRAPE_TIMEOUT = 10;
const MARGIN = 0.5;
/** The first scrape of a hung server by the peer takes 15 s; no longer than this is waited for it. */
const PEER_PATIENCE = 40;

interface Exporter {
  readonly process: ServerProcess;
  readonly url: string;
}

/** What a run of scrapes took, and cost. */
interface Run {
  readonly p50: number;
  readonly p99: number;
  /** Processor milliseconds of the exporter for each scrape. */
  readonly cpu: number;
  /** Commands and microseconds of the scraped Redis for each scrape. */
  readonly commands: number;
  readonly serverMicroseconds: number;
}

const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Commands that a Redis has run, and the microseconds that they took, by its own count. */
async function commandStats(port: number): Promise<{ calls: number; microseconds: number }> {
  const info = await withRedis(port, (client) => client.info("commandstats"));
  const all = [...info.matchAll(/^cmdstat_.*:calls=(\d+),usec=(\d+)/gm)];
  const sum = (group: number) => all.reduce((total, match) => total + Number(match[group]), 0);
  return { calls: sum(1), microseconds: sum(2) };
}

async function timeScrapes(url: string, count: number): Promise<number[]> {
  const scraper = new Scraper(url);
  const milliseconds: number[] = [];
  for (let index = 0; index < count; index++) milliseconds.push((await scraper.scrape()).seconds * 1_000);
  scraper.close();
  return milliseconds.sort((a, b) => a - b);
}

async function run({ process: { pid }, url }: Exporter, redis: RedisServer): Promise<Run> {
  const [before, cpuBefore] = [await commandStats(redis.port), await cpuSeconds(pid)];
  const times = await timeScrapes(url, SCRAPES);
  const [after, cpuAfter] = [await commandStats(redis.port), await cpuSeconds(pid)];
  return {
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: ((cpuAfter - cpuBefore) * 1_000) / SCRAPES,
    // Less the INFO of this count itself.
    commands: (after.calls - before.calls - 1) / SCRAPES,
    serverMicroseconds: (after.microseconds - before.microseconds) / SCRAPES,
  };
}

/** Starts redisops as it is published: compiled, with the flags of bin/redisops.js. */
async function startOurs(workspace: Workspace, name: string, config: object): Promise<Exporter> {
  const address = `127.0.0.1:${await workspace.port()}`;
  const folder = await workspace.folder(name);
  const file = join(folder, "redisops.yaml");
  await writeFile(file, stringify({ platform: name, ...config, exporter: { listen: address } }));
  const program = `import("${checkout}/dist/cli/main.js").then(({ main }) => main(process.argv.slice(1)))`;
  const flags = ["--optimize-for-size", "--no-maglev", "--input-type=module", "--eval", program];
  const url = `http://${address}`;
  const child = await startServer(workspace, {
    name,
    command: [process.execPath, ...flags, "--", "exporter", "--config", file],
    // As in the unit file of docs/exporter.md.
    env: { ...process.env, MALLOC_ARENA_MAX: "2" },
    cwd: folder,
    logFile: join(folder, "exporter.log"),
    ready: () => answersOk(`${url}/-/ready`),
  });
  return { process: child, url: `${url}/metrics` };
}

/** The peer on the same Redis. */
async function startPeer(workspace: Workspace, redis: RedisServer): Promise<Exporter> {
  const address = `127.0.0.1:${await workspace.port()}`;
  const folder = await workspace.folder("peer");
  const url = `http://${address}`;
  const child = await startServer(workspace, {
    name: "prometheus-redis-exporter",
    command: [
      peerProgram("prometheus-redis-exporter"),
      `-redis.addr=redis://127.0.0.1:${redis.port}`,
      `-web.listen-address=${address}`,
    ],
    cwd: folder,
    logFile: join(folder, "exporter.log"),
    ready: () => answersOk(`${url}/health`),
  });
  return { process: child, url: `${url}/metrics` };
}

const figure = (what: string, unit: string, ours: number, peer: number | null, target: number): Figure => ({
  what,
  unit,
  ours,
  peer,
  target,
  better: "lower",
});

/** One Redis that both scrape in turn. */
async function oneInstance(workspace: Workspace, log: (line: string) => void): Promise<Figure[]> {
  const redis = await startRedis(workspace, { name: "one" });
  await withRedis(redis.port, (client) =>
    client.eval(`for i = 1, ${KEYS} do redis.call('SET', 'conn:' .. i, i, 'EX', 36000) end`, 0),
  );
  const registry = { topology: "standalone", address: `127.0.0.1:${redis.port}` };
  const [ours, peer] = [
    await startOurs(workspace, "one-instance", { roles: { registry } }),
    await startPeer(workspace, redis),
  ];
  const runs = await alternate({ ours: () => run(ours, redis), peer: () => run(peer, redis) }, ROUNDS);
  const middle = (who: keyof typeof runs, what: keyof Run) => median(runs[who].map((one) => one[what]));
  for (const who of ["ours", "peer"] as const) {
    log(
      `${who}: ${middle(who, "cpu").toFixed(2)} ms of processor time, ${middle(who, "commands").toFixed(1)} commands and ${middle(who, "serverMicroseconds").toFixed(0)} us of Redis per scrape`,
    );
  }
  const compared = (what: string, unit: string, key: keyof Run, target: number) =>
    figure(what, unit, middle("ours", key), middle("peer", key), target);
  const scraper = new Scraper(ours.url);
  const series = seriesOf(await scraper.scrape()).length;
  log(`endurance: ${ENDURANCE_SCRAPES} scrapes`);
  await timeScrapes(ours.url, WARM_SCRAPES);
  const warm = await residentMegabytes(ours.process.pid);
  await timeScrapes(ours.url, ENDURANCE_SCRAPES - WARM_SCRAPES);
  const end = await residentMegabytes(ours.process.pid);
  const peerMemory = await residentMegabytes(peer.process.pid);
  log(
    `resident: ours ${warm.toFixed(0)} MB after ${WARM_SCRAPES}, ${end.toFixed(0)} MB after all; peer ${peerMemory.toFixed(0)} MB`,
  );
  const hung = await hungServer([ours, peer], redis, log);
  return [
    compared("scrape of one Redis, p50", "ms", "p50", 1.5),
    compared("scrape of one Redis, p99", "ms", "p99", 1.5),
    figure("series of one Redis", "series", series, null, 300),
    figure(
      `resident memory after ${ENDURANCE_SCRAPES.toLocaleString("en-US")} scrapes`,
      "MB",
      end,
      null,
      110,
    ),
    figure("resident memory added by the last nine tenths of them", "MB", end - warm, null, 10),
    hung,
  ];
}

/** How long each takes to say that a server hangs. */
async function hungServer(
  [ours, peer]: readonly [Exporter, Exporter],
  redis: RedisServer,
  log: (line: string) => void,
): Promise<Figure> {
  log("a server that hangs");
  redis.pause();
  try {
    const scraper = new Scraper(ours.url, SCRAPE_TIMEOUT);
    const page = await scraper.scrape();
    scraper.close();
    const down = ['redisops_role_up{role="registry"} 0', 'error_class="timeout"} 1', "redisops_build_info"];
    for (const wanted of down) {
      if (!page.text.includes(wanted)) throw new Error(`the page of a hung server lacks ${wanted}`);
    }
    const peerSeconds = await Promise.race([
      new Scraper(peer.url).scrape().then(({ seconds }) => seconds),
      new Promise<number>((resolve) => setTimeout(resolve, PEER_PATIENCE * 1_000, PEER_PATIENCE)),
    ]);
    log(`hung: ours answered after ${page.seconds.toFixed(2)} s, the peer after ${peerSeconds.toFixed(2)} s`);
    return figure("answer about a server that hangs", "s", page.seconds, null, SCRAPE_TIMEOUT - MARGIN);
  } finally {
    redis.resume();
  }
}

/** All roles on the seeds' topologies: 12 cluster nodes for two roles, three single servers, a Sentinel group of five. */
async function wholePlatform(workspace: Workspace, log: (line: string) => void): Promise<Figure[]> {
  log("starting a whole platform");
  const single = async (name: string) => {
    const { port } = await startRedis(workspace, { name });
    return { topology: "standalone", address: `127.0.0.1:${port}` };
  };
  const primary = await startRedis(workspace, { name: "dedup" });
  await startReplica(workspace, primary, { name: "dedup-replica" });
  const [registry, rateLimit, sequence, sentinels, cluster] = await Promise.all([
    single("registry"),
    single("rate_limit"),
    single("sequence"),
    startSentinels(workspace, { name: "sentinel", primary, primaryName: "dedup" }),
    startRedisCluster(workspace, { name: "cluster", shards: 6, replicasPerShard: 1 }),
  ]);
  const sharded = { topology: "cluster", nodes: cluster.addresses.slice(0, 3) };
  const dedup = {
    ...{ topology: "sentinel", sentinels: sentinels.addresses, primary: "dedup" },
    filter: { engine: "bitmap", capacity: 1_000_000 },
  };
  const roles = {
    ...{ registry, rate_limit: rateLimit, sequence, dedup },
    ...{ preferences: sharded, token_bucket: sharded },
  };
  const ours = await startOurs(workspace, "platform", { roles });
  await timeScrapes(ours.url, 20);
  const rounds: number[][] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await timeScrapes(ours.url, PLATFORM_SCRAPES));
  const page: Page = await new Scraper(ours.url).scrape();
  const failed = seriesOf(page).filter((line) => /^redisops_(?:role_up|shard_up|redis_up)\{.* 0$/.test(line));
  if (failed.length > 0) throw new Error(`not everything was up: ${failed.join(", ")}`);
  const memory = await residentMegabytes(ours.process.pid);
  log(`the platform's page has ${seriesOf(page).length} series; ${memory.toFixed(0)} MB resident`);
  const p50 = median(rounds.map((times) => percentile(times, 0.5)));
  log(`p50 ${p50.toFixed(1)} ms`);
  return [
    figure(
      "scrape of 12 cluster nodes for two roles, 3 servers and a Sentinel group, p99",
      "ms",
      median(rounds.map((times) => percentile(times, 0.99))),
      null,
      250,
    ),
  ];
}

/** The exporter beside prometheus-redis-exporter on the same Redis, and by itself on a whole platform. */
export const scrape: Benchmark = async (log) => {
  log("compiling redisops as it is published");
  await promisify(execFile)("npm", ["run", "--silent", "build"], { cwd: checkout });
  const workspace = await createWorkspace("bench-scrape");
  try {
    return [...(await oneInstance(workspace, log)), ...(await wholePlatform(workspace, log))];
  } finally {
    await workspace.close();
  }
};
