import { symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { findProgram } from "../binaries.ts";
import { waitUntil } from "../wait.ts";
import type { Workspace } from "../workspace.ts";
import { type RedisServer, startRedis } from "./redis.ts";
import { withRedis } from "./redis-client.ts";

/** What a Sentinel watches, and how. */
export interface SentinelOptions {
  /** The name in messages and of its folder. */
  readonly name: string;
  /** The primary to watch. */
  readonly primary: RedisServer;
  /** The name under which clients ask for the primary. */
  readonly primaryName: string;
  /** How many Sentinels have to see the primary down; 1 for a single Sentinel, 2 for several, unless given. */
  readonly quorum?: number;
  /** Milliseconds without an answer until a Sentinel sees the primary down; 60,000 unless given. */
  readonly downAfterMs?: number;
  /** Milliseconds that one attempt to fail over may take, and half the time until the next; 10,000 unless given. */
  readonly failoverTimeoutMs?: number;
  /** The password of the primary and its replicas; the Sentinels themselves have none. */
  readonly password?: string | undefined;
}

/** How to start a group of Sentinels. */
export interface SentinelsOptions extends SentinelOptions {
  /** How many; 3 unless given. */
  readonly count?: number;
}

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Sentinels on 127.0.0.1 that watch one primary together. */
export interface Sentinels {
  /** The Sentinels, to be killed, paused and restarted; they keep what they know over restarts. */
  readonly servers: readonly RedisServer[];
  /** `127.0.0.1:<port>` of every Sentinel. */
  readonly addresses: readonly string[];
  readonly primaryName: string;
  /**
   * Where the first Sentinel that answers says the primary is.
   *
   * @throws AggregateError when none answers within five seconds.
   */
  primaryAddress(): Promise<Address>;
  /**
   * Lets a replica become the primary (SENTINEL FAILOVER, which needs no quorum), and waits until all running Sentinels
   * name it. Returns its address.
   *
   * @throws Error when for a minute a running Sentinel sees no replica that follows the primary or another failover is
   *   under way, or when they do not agree on a new primary within another.
   */
  failover(): Promise<Address>;
}

const answerDeadlineMs = 5000;

/**
 * Starts one Sentinel and waits until it answers a PING.
 *
 * @throws MissingProgramError when there is no redis-server; ServerStartError when it does not come up.
 */
export async function startSentinel(workspace: Workspace, options: SentinelOptions): Promise<RedisServer> {
  const { primary, primaryName, password } = options;
  const folder = await workspace.folder(`${options.name}-program`);
  const program = join(folder, "redis-sentinel"); // under this name redis-server is a Sentinel
  await symlink(findProgram("redis-server"), program);
  const config = [
    `sentinel monitor ${primaryName} 127.0.0.1 ${primary.port} ${options.quorum ?? 1}`,
    `sentinel down-after-milliseconds ${primaryName} ${options.downAfterMs ?? 60_000}`,
    `sentinel failover-timeout ${primaryName} ${options.failoverTimeoutMs ?? 10_000}`,
    `sentinel parallel-syncs ${primaryName} 1`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${primaryName} ${JSON.stringify(password)}`]),
  ];
  const sentinel = await startRedis(workspace, { name: options.name, command: [program], config });
  await lookEverySecond(sentinel.port);
  return sentinel;
}

/**
 * Starts Sentinels and waits until each of them knows all the others and every replica that the primary has now.
 *
 * @throws MissingProgramError when there is no redis-server; ServerStartError when one does not come up; Error when
 *   they do not find one another within a minute.
 */
export async function startSentinels(workspace: Workspace, options: SentinelsOptions): Promise<Sentinels> {
  const { primaryName, primary, password, count = 3 } = options;
  const quorum = options.quorum ?? Math.min(2, count);
  const servers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startSentinel(workspace, { ...options, quorum, name: `${options.name}-${index}` }),
    ),
  );
  const replicas = await withRedis(primary.port, connectedReplicas, { password });
  const complete = async ({ port }: RedisServer): Promise<boolean> => {
    const seen = await describePrimary(port, primaryName);
    return (
      Number(seen.get("num-other-sentinels")) === count - 1 && Number(seen.get("num-slaves")) >= replicas
    );
  };
  await Promise.all(
    servers.map((server) =>
      waitUntil(() => complete(server), {
        what: `${server.name} to know ${count - 1} other Sentinels and ${replicas} replicas`,
        deadlineMs: 60_000,
      }),
    ),
  );

  const primaryAddress = (): Promise<Address> =>
    Promise.any(servers.filter(({ running }) => running).map(({ port }) => addressFrom(port, primaryName)));
  return {
    servers,
    addresses: servers.map(({ port }) => `127.0.0.1:${port}`),
    primaryName,
    primaryAddress,
    async failover() {
      const before = await primaryAddress();
      await waitUntil(() => startFailover(servers, primaryName), {
        what: "the Sentinels to be ready for a failover",
        deadlineMs: 60_000,
        intervalMs: 200,
      });
      return waitUntil(() => agreedOtherThan(before, servers, primaryName), {
        what: "the Sentinels to name a new primary",
        deadlineMs: 60_000,
      });
    },
  };
}

/**
 * Otherwise it takes a Sentinel up to 10 s to see that a server has another role now. A restarted Sentinel does so again.
 */
async function lookEverySecond(port: number): Promise<void> {
  await withRedis(port, (client) => client.call("SENTINEL", "DEBUG", "INFO-PERIOD", 1000), {
    deadlineMs: answerDeadlineMs,
  });
}

async function connectedReplicas(client: Redis): Promise<number> {
  return Number(/connected_slaves:(\d+)/.exec(await client.info("replication"))?.[1] ?? 0);
}

/** SENTINEL MASTER's names and values. */
async function describePrimary(port: number, primaryName: string): Promise<Map<string, string>> {
  return fieldsOf(await ask(port, "MASTER", primaryName));
}

/** An answer that is a list of names and values. */
function fieldsOf(answer: unknown): Map<string, string> {
  const words = Array.isArray(answer) ? answer.map(String) : [];
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : [])));
}

async function addressFrom(port: number, primaryName: string): Promise<Address> {
  const address = await ask(port, "GET-MASTER-ADDR-BY-NAME", primaryName);
  if (!Array.isArray(address))
    throw new Error(`the Sentinel at port ${port} knows no primary ${primaryName}`);
  return { host: String(address[0]), port: Number(address[1]) };
}

/** A Sentinel that still takes a replica for a stray primary would demote it while another one promotes it. */
async function startFailover(servers: readonly RedisServer[], primaryName: string): Promise<boolean> {
  const running = servers.filter((server) => server.running);
  const [asked] = running;
  if (asked === undefined) throw new Error("no Sentinel is running");
  const views = await Promise.all(running.map(({ port }) => ask(port, "REPLICAS", primaryName)));
  if (!views.every(isReady)) return false;
  await ask(asked.port, "FAILOVER", primaryName);
  return true;
}

/** Whether of all replicas that are not down, and there are some, each follows the primary. */
function isReady(replicas: unknown): boolean {
  const all = Array.isArray(replicas) ? replicas.map(fieldsOf) : [];
  const up = all.filter((fields) => !/s_down|disconnected/.test(fields.get("flags") ?? ""));
  const follows = (fields: Map<string, string>): boolean =>
    fields.get("role-reported") === "slave" && fields.get("master-link-status") === "ok";
  return up.length > 0 && up.every(follows);
}

async function agreedOtherThan(
  before: Address,
  servers: readonly RedisServer[],
  primaryName: string,
): Promise<Address | undefined> {
  const [first, ...others] = await Promise.all(
    servers.filter(({ running }) => running).map(({ port }) => addressFrom(port, primaryName)),
  );
  if (first === undefined || first.port === before.port) return undefined;
  return others.every(({ port }) => port === first.port) ? first : undefined;
}

function ask(port: number, command: string, primaryName: string): Promise<unknown> {
  return withRedis(port, (client) => client.call("SENTINEL", command, primaryName), {
    deadlineMs: answerDeadlineMs,
  });
}
