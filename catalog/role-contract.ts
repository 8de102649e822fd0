import type { RedisRole } from "./roles.ts";

/** What the configuration of a role's servers is judged by. A label value, so bounded. */
export const contractRules = [
  "persistence",
  "eviction",
  "replicas",
  "min_replicas_to_write",
  "maxmemory",
] as const;

export type ContractRule = (typeof contractRules)[number];

/**
 * How a server persists. `rdb` is snapshots, also beside an AOF; `aof` is a log of every write; `none` is neither, so that
 * a restart begins empty.
 */
export const persistences = ["none", "rdb", "aof"] as const;

/**
 * What a server may evict at its memory limit: a policy by Redis's own name, or a kind of policy. `evicting` is any policy
 * but noeviction; `allkeys` and `volatile` are the policies whose names begin so.
 */
export const evictions = [
  "noeviction",
  "evicting",
  "allkeys",
  "volatile",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

/** What is right for a role's servers. What is left out is not judged. */
export interface RoleContract {
  readonly persistence?: (typeof persistences)[number] | undefined;
  readonly eviction?: (typeof evictions)[number] | undefined;
  /** Replicas that follow each shard's primary, at least. */
  readonly replicas?: number | undefined;
  /** Redis's min-replicas-to-write, at least; 0: it must be off. */
  readonly min_replicas_to_write?: number | undefined;
  /** Memory limit of each server: a size such as `2gb` (1024 based, as in redis.conf), `limited` or `unlimited`. */
  readonly maxmemory?: string | undefined;
}

/**
 * What holds for a role without being declared, because nothing else can be right for it: a sequence that goes back gives
 * ids twice; a store that cannot be read from elsewhere within a request must not lose keys silently; a cache that may
 * not evict stops caching when it is full. Counters of one second may be evicted or refused: both let messages through.
 */
export const defaultContracts: Readonly<Record<RedisRole, RoleContract>> = {
  registry: { eviction: "noeviction" },
  rate_limit: {},
  sequence: { eviction: "noeviction", persistence: "aof" },
  preferences: { eviction: "evicting" },
  dedup: { eviction: "noeviction" },
  token_bucket: { eviction: "noeviction" },
};

/** What can follow from a server that is set up against its role's contract. */
export type Consequence =
  | "evicted"
  | "refused_when_full"
  | "lost_at_restart"
  | "old_at_restart"
  | "no_spare"
  | "fewer_spares"
  | "lost_at_failover"
  | "refused_without_replica"
  | "unlimited"
  | "limited_otherwise";

/** What platform and users notice of a role whose server fails in one of the ways that a setting leads to. */
interface RoleCosts {
  /** Keys are gone, or younger writes are. */
  readonly lost: string;
  /** Writes are refused. */
  readonly refused: string;
  /** A state of the past is back. */
  readonly old: string;
  /** The server does not answer. */
  readonly down: string;
}

const costs: Readonly<Record<RedisRole, RoleCosts>> = {
  registry: {
    lost: "connected users look offline and their messages wait in pending_deliveries until they reconnect",
    refused: "new connections are not registered, so their users look offline",
    old: "entries name servers that the users have left, and messages are sent there in vain",
    down: "every user looks offline and all messages wait in pending_deliveries",
  },
  rate_limit: {
    lost: "counters begin again and users may send more than their limit",
    refused: "nothing can be counted, so every message is let through",
    old: "counters of the past hold users back who have sent nothing",
    down: "the limit is not enforced",
  },
  sequence: {
    lost: "counters fall behind the ids that were given, and message ids repeat",
    refused: "no id can be given, so messages are ordered by timestamps",
    old: "counters fall behind the ids that were given, and message ids repeat",
    down: "messages are ordered by timestamps instead of sequence numbers",
  },
  preferences: {
    lost: "workers read Postgres until the cache has filled again, at full traffic more than it can answer",
    refused: "no new entry is cached, so its reads stay with Postgres",
    old: "opt-outs made since then have to be caught up with before an entry may be believed",
    down: "workers read Postgres, and people who opted out are notified when it cannot answer them all",
  },
  dedup: {
    lost: "the filter forgets what was sent, and duplicates go out until it is rebuilt",
    refused: "what is sent is not remembered, so its duplicates go out",
    old: "what was sent since then is forgotten, and its duplicates go out",
    down: "deduplication is skipped and duplicates go out",
  },
  token_bucket: {
    lost: "buckets count as full, and accounts run beyond their limit into 429s",
    refused: "workers cannot take tokens and go by their own limiters, without the common limit",
    old: "buckets hold tokens of the past, and accounts run beyond their limit or below it",
    down: "workers go by their own limiters, without the common limit",
  },
};

/** What a violation would cost in the role, as a sentence without its end. */
export function costOf(role: RedisRole, consequence: Consequence): string {
  const { lost, refused, old, down } = costs[role];
  switch (consequence) {
    case "evicted":
      return `at the memory limit keys are evicted without a word: ${lost}`;
    case "refused_when_full":
      return `at the memory limit writes fail: ${refused}`;
    case "lost_at_restart":
      return `a crash loses what is not on disk: ${lost}`;
    case "old_at_restart":
      return `a restart brings back an earlier state: ${old}`;
    case "no_spare":
      return `nothing takes over when the primary is lost: ${down}`;
    case "fewer_spares":
      return `fewer servers can be lost than was planned for before nothing takes over: ${down}`;
    case "lost_at_failover":
      return `writes that no replica has are lost with the primary: ${lost}`;
    case "refused_without_replica":
      return `writes fail while replicas are away: ${refused}`;
    case "unlimited":
      return `it grows until the machine has no memory left and the process is killed: ${down}`;
    case "limited_otherwise":
      return "it is full earlier or later than was planned for";
  }
}
