import { RedisopsError } from "../../core/errors.ts";
import { withRedis } from "../servers/redis-client.ts";
import { membersMeant, targetOf } from "./fault-targets.ts";
import type { FaultRequest } from "./faults.ts";
import type { Done, FaultyPlatform, Injection } from "./injection.ts";
import type { Member } from "./member.ts";

const deadlineMs = 5_000;

/** The servers of a Redis role, all of them. */
function serversOf({ fault, role }: FaultRequest, { members }: FaultyPlatform): readonly Member[] {
  if (role === undefined) {
    throw new RedisopsError("USAGE", `Say which role: ${fault} --role registry, for example`, {
      next: "redisops lab inject --help",
    });
  }
  const meant = membersMeant(role, members);
  if (meant.every(({ roles }) => roles.length > 0)) return meant;
  throw new RedisopsError("USAGE", `${fault} takes a Redis role, and ${role} is none`, {
    next: "redisops lab inject --help",
  });
}

/** SIGKILL to several at once, undone by starting them again. */
async function killTogether(target: string, targets: readonly Member[]): Promise<Done> {
  const running = targets.filter((member) => member.running);
  if (running.length === 0) {
    throw new RedisopsError("LAB_FAILED", `${target} is down`, { next: "redisops lab inject heal" });
  }
  await Promise.all(running.map((member) => member.kill()));
  return {
    target,
    members: running.map(({ name }) => name),
    what: `${running.map(({ name }) => name).join(", ")} ${running.length === 1 ? "is" : "are"} killed`,
    async undo() {
      const down = running.filter((member) => !member.running);
      await Promise.all(down.map((member) => member.restart({ empty: false })));
    },
  };
}

/** The settings by which a role's servers contradict what the role needs; those of rate counters may be anything. */
function contradiction(role: string | undefined): readonly (readonly [name: string, value: string])[] {
  if (role === "rate_limit") {
    throw new RedisopsError(
      "USAGE",
      "No setting contradicts rate_limit: its counters may be evicted or refused",
      {
        next: "Other roles are registry, sequence, preferences, dedup and token_bucket.",
      },
    );
  }
  // Without a limit a cache that may not evict refuses nothing.
  if (role === "preferences")
    return [
      ["maxmemory", "1gb"],
      ["maxmemory-policy", "noeviction"],
    ];
  return [["maxmemory-policy", "allkeys-lru"]];
}

async function setWrong(request: FaultRequest, platform: FaultyPlatform): Promise<Done> {
  const servers = serversOf(request, platform);
  const { role = "" } = request;
  const settings = contradiction(role);
  const configured = (server: Member) =>
    withRedis(
      server.port ?? 0,
      async (client) => {
        const before: (readonly [string, string])[] = [];
        for (const [name, value] of settings) {
          const [, live = ""] = (await client.config("GET", name)) as string[];
          before.push([name, live]);
          await client.config("SET", name, value);
        }
        return { server, before };
      },
      { deadlineMs },
    );
  const changed = await Promise.all(servers.map(configured));
  return {
    target: role,
    members: servers.map(({ name }) => name),
    what: `${servers.map(({ name }) => name).join(", ")}: ${settings.map((pair) => pair.join(" ")).join(", ")}`,
    async undo() {
      await Promise.all(
        changed.map(({ server, before }) =>
          withRedis(
            server.port ?? 0,
            async (client) => {
              for (const [name, value] of before.toReversed()) await client.config("SET", name, value);
            },
            { deadlineMs },
          ),
        ),
      );
    },
  };
}

async function cutReplica(request: FaultRequest, platform: FaultyPlatform): Promise<Done> {
  const serving = serversOf(request, platform);
  const primary = await targetOf(request, platform.members, platform.stores);
  const replicas = serving.filter((member) => member !== primary && member.shard === primary.shard);
  if (replicas.length === 0) {
    throw new RedisopsError("USAGE", `${primary.name} has no replica`, {
      next: "Roles with replicas are preferences, token_bucket (both in the cluster) and dedup.",
    });
  }
  return killTogether(replicas.map(({ name }) => name).join(", "), replicas);
}

/** Faults of servers, beside those of one process. */
export function serverFaults(
  platform: FaultyPlatform,
): Readonly<Record<"kill-all" | "cut-replica" | "stop-sentinels" | "wrong-config", Injection>> {
  return {
    "kill-all": async (request) => killTogether(request.role ?? "", serversOf(request, platform)),
    "cut-replica": (request) => cutReplica(request, platform),
    "stop-sentinels": async () => {
      const names = platform.stores.dedup.sentinels.servers.map(({ name }) => name);
      const two = platform.members.filter(({ name }) => names.slice(0, 2).includes(name));
      return killTogether("sentinels", two);
    },
    "wrong-config": (request) => setWrong(request, platform),
  };
}
