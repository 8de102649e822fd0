import { z } from "zod";
import { evictions, persistences } from "../../catalog/role-contract.ts";
import { address, keyPattern, secret } from "./fields.ts";

const tls = z
  .strictObject({
    ca_file: z
      .string()
      .optional()
      .describe("PEM file of the certificate authority; the system's when left out."),
    cert_file: z.string().optional().describe("PEM file of the client certificate."),
    key_file: z.string().optional().describe("PEM file of the client key."),
    server_name: z.string().optional().describe("Name that the server's certificate must carry."),
  })
  .describe("Encrypts the connection and checks the server's certificate.");

/** Credentials and encryption, the same for every kind of connection. */
export const access = {
  password: secret().optional().describe("Reference to the password: ${NAME} or file:/path."),
  tls: tls.optional(),
};

const contract = z
  .strictObject({
    persistence: z
      .enum(persistences)
      .optional()
      .describe(
        "aof: every write is logged. rdb: snapshots at least. none: neither, a restart begins empty.",
      ),
    eviction: z
      .enum(evictions)
      .optional()
      .describe(
        "A policy by Redis's name; allkeys, volatile: any policy that begins so; evicting: any but noeviction.",
      ),
    replicas: z.int().min(0).max(20).optional().describe("Replicas that follow each shard, at least."),
    min_replicas_to_write: z
      .int()
      .min(0)
      .max(20)
      .optional()
      .describe("Redis's min-replicas-to-write, at least; 0: it must be off."),
    maxmemory: z
      .string()
      .regex(
        /^(?:limited|unlimited|\d{1,15}(?:kb|mb|gb)?)$/i,
        "expected a size such as 2gb, limited or unlimited",
      )
      .optional()
      .describe("Memory limit of each server: a size such as 2gb, limited (any) or unlimited."),
  })
  .describe(
    "How the role's servers must be set up. What is left out is judged by the role's default where there is one (sequence: aof, noeviction; registry, dedup, token_bucket: noeviction; preferences: evicting), else not at all.",
  );

const redisAccess = {
  username: z.string().optional().describe("ACL user; the default user when left out."),
  ...access,
  contract: contract.optional(),
};

const standalone = {
  topology: z.literal("standalone").describe("One server."),
  address: address().describe("host:port of the server."),
  ...redisAccess,
};

const sentinel = {
  topology: z.literal("sentinel").describe("A primary and replicas watched by Sentinels."),
  sentinels: z.array(address()).min(1).describe("host:port of each Sentinel."),
  primary: z.string().min(1).describe("The primary's name in the Sentinels' configuration."),
  sentinel_password: secret().optional().describe("Reference to the Sentinels' own password."),
  ...redisAccess,
};

const cluster = {
  topology: z.literal("cluster").describe("A Redis Cluster."),
  nodes: z.array(address()).min(1).describe("host:port of some nodes; the others are discovered."),
  ...redisAccess,
};

function anyTopology<Extra extends z.ZodRawShape>(extra: Extra) {
  return z.discriminatedUnion("topology", [
    z.strictObject({ ...standalone, ...extra }),
    z.strictObject({ ...sentinel, ...extra }),
    z.strictObject({ ...cluster, ...extra }),
  ]);
}

const filter = z
  .strictObject({
    engine: z
      .enum(["bitmap", "redisbloom"])
      .describe(
        "bitmap: plain Redis strings, any server. redisbloom: the BF commands of RedisBloom or Redis 8.",
      ),
    key: z
      .string()
      .min(1)
      .default("{dedup}")
      .describe("Key of the filter, or the common prefix of its keys."),
    capacity: z
      .int()
      .min(100)
      .max(1e11)
      .describe("Ids that the filter is sized for: the peak of a whole window."),
    error_rate: z
      .number()
      .min(0.000001)
      .max(0.25)
      .default(0.01)
      .describe(
        "Target false-positive ratio at capacity: this share of real notifications would be suppressed.",
      ),
  })
  .describe("The deduplication filter.");

/** One entry for each job that the platform gives to Redis. */
export const rolesSection = z
  .strictObject({
    registry: anyTopology({
      key: keyPattern("{user_id}").default("conn:{user_id}").describe("Key of one user's connection entry."),
    })
      .optional()
      .describe("Connection registry: which server holds a user's connection."),
    rate_limit: anyTopology({
      key: keyPattern("{user_id}").default("rate:{user_id}").describe("Key of one user's counter."),
    })
      .optional()
      .describe("Message counters for rate limiting."),
    sequence: anyTopology({
      key: keyPattern("{conversation_id}")
        .default("seq:{conversation_id}")
        .describe("Key of one conversation's counter."),
    })
      .optional()
      .describe("Sequence counters for message ids."),
    preferences: anyTopology({
      key: keyPattern("{user_id}")
        .default("prefs:{user_id}")
        .describe("Key of one user's cached preferences."),
    })
      .optional()
      .describe("Preferences cache before Postgres."),
    dedup: z
      .discriminatedUnion("topology", [
        z.strictObject({ ...standalone, filter }),
        z.strictObject({ ...sentinel, filter }),
      ])
      .optional()
      .describe(
        "Deduplication filter. It lives on one server (with replicas), because it must see every id.",
      ),
    token_bucket: anyTopology({
      key: keyPattern("{provider}", "{account}")
        .default("bucket:{provider}:{account}")
        .describe("Key of one account's bucket. The placeholders' braces make no hash tag."),
    })
      .optional()
      .describe("Token buckets of the providers' accounts."),
  })
  .describe("The jobs that the platform gives to Redis. Leave out those that it does not have.");

export type RolesConfig = z.output<typeof rolesSection>;
export type DedupConfig = NonNullable<RolesConfig["dedup"]>;
export type FilterConfig = DedupConfig["filter"];
/** What is needed to connect to a role, whatever its topology and keys. */
export type RedisConnectionConfig =
  | Omit<Extract<NonNullable<RolesConfig["registry"]>, { topology: "standalone" }>, "key">
  | Omit<Extract<NonNullable<RolesConfig["registry"]>, { topology: "sentinel" }>, "key">
  | Omit<Extract<NonNullable<RolesConfig["registry"]>, { topology: "cluster" }>, "key">;
