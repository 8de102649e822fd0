import { RedisopsError } from "../../core/errors.ts";
import { withRedis } from "../servers/redis-client.ts";
import { drainBuckets, lowerSequence, stickCounters } from "./counter-faults.ts";
import { shardOf, targetOf } from "./fault-targets.ts";
import type { FaultName, FaultRequest } from "./faults.ts";
import { saturateFilter } from "./filter-fault.ts";
import type { Done, FaultyPlatform, Injection } from "./injection.ts";
import type { Member } from "./member.ts";
import { fillPool } from "./pool-fault.ts";
import { breakSample, stalePreferences } from "./preference-faults.ts";
import { failRecovery } from "./recovery-fault.ts";
import { forgetConnections } from "./registry-fault.ts";
import { serverFaults } from "./server-faults.ts";

/** Every fault but `heal`. */
export function injections(
  platform: FaultyPlatform,
): Readonly<Record<Exclude<FaultName, "heal">, Injection>> {
  const { members, stores, settings } = platform;
  const refusals = new Refusals(platform);
  const onMember =
    (act: (member: Member) => Promise<Pick<Done, "what" | "undo">>): Injection =>
    async (request) => {
      const member = await targetOf(request, members, stores);
      checkTarget(request.fault, member);
      return { target: member.name, members: [member.name], ...(await act(member)) };
    };
  const kill = onMember(async (member) => {
    mustRun(member);
    const { pid } = member;
    await member.kill();
    return { what: `${member.name} (pid ${pid}) is killed`, undo: () => startAgain(member) };
  });
  return {
    kill,
    hang: onMember(async (member) => {
      mustRun(member);
      member.pause();
      return { what: `${member.name} (pid ${member.pid}) hangs`, undo: async () => member.resume() };
    }),
    slow: onMember(async (member) => {
      mustRun(member);
      member.slow();
      return { what: `${member.name} (pid ${member.pid}) is slow`, undo: async () => member.resume() };
    }),
    restart: onMember(async (member) => {
      await member.restart({ empty: false });
      return { what: `${member.name} is started again as pid ${member.pid}` };
    }),
    "restart-empty": onMember(async (member) => {
      await member.restart({ empty: true });
      return { what: `${member.name} is started again as pid ${member.pid}, empty` };
    }),
    failover: (request) => failOver(platform, request),
    "cut-shard": (request) => cutShard(platform, shardOf(request)),
    "fill-postgres-pool": () => fillPool(stores),
    "provider-429": (request) => throttle(refusals, request),
    ...serverFaults(platform),
    "forget-connections": () => forgetConnections(stores, settings),
    "stick-counters": () => stickCounters(stores, settings),
    "lower-sequence": () => lowerSequence(stores, settings),
    "stale-preferences": () => stalePreferences(stores, settings),
    "saturate-filter": () => saturateFilter(stores, settings),
    "drain-buckets": () => drainBuckets(stores, settings),
    "fail-recovery": () => failRecovery(stores, settings),
    "break-sample": () => breakSample(stores),
    "kafka-down": async (request) => {
      if (members.some(({ name }) => name === "kafka")) return kill({ ...request, role: "kafka" });
      throw new RedisopsError("LAB_FAILED", "This lab runs without Kafka", {
        next: "redisops lab status says why.",
      });
    },
  };
}

async function failOver({ members, stores }: FaultyPlatform, request: FaultRequest): Promise<Done> {
  const member = await targetOf(request, members, stores);
  if (member.roles.includes("dedup")) {
    const { port } = await stores.dedup.sentinels.failover();
    const primary = members.find((candidate) => candidate.port === port);
    return {
      target: "dedup",
      members: [],
      what: `${primary?.name ?? port} is the primary of the filter now`,
    };
  }
  const { shard } = member;
  if (shard === undefined) {
    throw new RedisopsError("USAGE", `${member.name} has no replica to fail over to`, {
      next: "Roles with replicas are preferences, token_bucket (both in the cluster) and dedup.",
    });
  }
  const before = await stores.cluster.primaryOf(shard);
  const replica = stores.cluster.nodes.find((node) => node.shard === shard && node.port !== before.port);
  if (replica === undefined) throw new RedisopsError("LAB_FAILED", `shard ${shard} has no replica`);
  const how = before.server.running ? [] : ["FORCE"];
  await withRedis(replica.port, (client) => client.call("CLUSTER", "FAILOVER", ...how), {
    deadlineMs: 5_000,
  });
  const { name } = replica.server;
  return { target: name, members: [], what: `${name} takes shard ${shard} over` };
}

async function cutShard({ members }: FaultyPlatform, shard: number): Promise<Done> {
  const nodes = members.filter((member) => member.shard === shard);
  if (!nodes.some(({ running }) => running)) {
    throw new RedisopsError("LAB_FAILED", `shard ${shard} is down`, { next: "redisops lab inject heal" });
  }
  await Promise.all(nodes.map((member) => member.kill()));
  return {
    target: `shard ${shard}`,
    members: nodes.map(({ name }) => name),
    what: `shard ${shard} is cut: ${nodes.map(({ name, port }) => `${name} :${port}`).join(", ")} are killed`,
    async undo() {
      await Promise.all(nodes.map(startAgain));
    },
  };
}

/** The accounts that refuse: one that several faults concern gets its limit back with the last of them. */
class Refusals {
  readonly #platform: FaultyPlatform;
  readonly #faults = new Map<string, number>();

  constructor(platform: FaultyPlatform) {
    this.#platform = platform;
  }

  /** Answers which accounts refuse, and what ends it. */
  async add(provider: string, account: string | undefined) {
    const accounts = await this.#platform.throttle(provider, account, true);
    for (const each of accounts) this.#faults.set(each, (this.#faults.get(each) ?? 0) + 1);
    return { accounts, end: () => this.#end(accounts) };
  }

  async #end(accounts: readonly string[]): Promise<void> {
    for (const each of accounts) this.#faults.set(each, (this.#faults.get(each) ?? 1) - 1);
    const free = accounts.filter((each) => this.#faults.get(each) === 0);
    await Promise.all(
      free.map((each) => {
        const [provider = "", account] = each.split("/");
        return this.#platform.throttle(provider, account, false);
      }),
    );
  }
}

async function throttle(refusals: Refusals, { provider, account }: FaultRequest): Promise<Done> {
  if (provider === undefined) {
    throw new RedisopsError("USAGE", "Say which provider: --provider twilio or sendgrid");
  }
  const { accounts, end } = await refusals.add(provider, account);
  if (accounts.length === 0) {
    const name = account === undefined ? provider : `${provider}/${account}`;
    throw new RedisopsError(
      "USAGE",
      `There is no ${name}: the providers are twilio and sendgrid, each with main and backup`,
    );
  }
  return {
    target: account === undefined ? provider : `${provider}/${account}`,
    members: ["provider-stand-in"],
    what: `429 from ${accounts.join(" and ")}`,
    undo: end,
  };
}

/** Refuses what would only seem to work. */
function checkTarget(fault: FaultName, member: Member): void {
  if (fault === "restart-empty" && member.roles.length === 0) {
    throw new RedisopsError(
      "USAGE",
      `${member.name} keeps its data: only a Redis role can be restarted empty`,
      {
        next: "redisops lab inject restart, or kill and heal.",
      },
    );
  }
  if (member.name === "load-generator" && fault !== "hang" && fault !== "slow") {
    throw new RedisopsError("USAGE", "The load generator keeps the books: it can hang, but not be ended", {
      next: "redisops lab rate --messages 0 --notifications 0 stops the load.",
    });
  }
}

function mustRun(member: Member): void {
  if (member.running) return;
  throw new RedisopsError("LAB_FAILED", `${member.name} is down`, { next: "redisops lab inject heal" });
}

async function startAgain(member: Member): Promise<void> {
  if (!member.running) await member.restart({ empty: false });
}
