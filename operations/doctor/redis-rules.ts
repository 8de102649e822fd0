import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { FilterConfig, RolesConfig } from "../../core/config/redis-section.ts";
import { settingsToRead } from "../../exporters/redis/contract-terms.ts";

/** Rules of Redis ACLs, each under the name of its row in docs/security.md; a test holds the two against each other. */
export const documentedRules = {
  "probing, every role": "-@all %R~* ~redisops:* +set +ping +info",
  "probing, CONFIG is judged (see below)": "+config|get",
  "probing, registry": "+exists +randomkey +pttl +get +evalsha +eval",
  "probing, rate_limit": "+exists +randomkey +pttl +incr +pexpire +evalsha +eval",
  "probing, sequence": "+get +incr +pexpire +evalsha +eval",
  "probing, Redis Cluster": "+cluster|nodes +cluster|info",
  "on the Sentinels":
    "-@all +sentinel|get-master-addr-by-name +sentinel|master +sentinel|replicas +sentinel|ckquorum +info",
  "probing, dedup with engine bitmap": "+hgetall +strlen +bitcount +bitfield_ro",
  "probing, dedup with engine redisbloom": "+bf.exists +bf.mexists +bf.scandump",
  "probing, preferences": "+get",
  "probing, token_bucket": "+eval_ro +hmget +time",
  "recover bloom, engine bitmap":
    "-@all ~{dedup}* +info +get +hget +hkeys +hgetall +strlen +bitcount +bitfield_ro +bitfield +set +setrange +expire +pttl +persist +rename +bitop +hset +unlink +multi +exec +watch +unwatch",
  "recover bloom, engine redisbloom":
    "-@all ~{dedup}* +info +exists +bf.exists +bf.mexists +bf.scandump +bf.reserve +bf.madd +bf.insert +bf.loadchunk +set +setrange +getrange +strlen +bitop +hget +hkeys +hset +expire +pttl +persist +rename +unlink +multi +exec +watch +unwatch",
  "recover preferences":
    "-@all ~prefs:* +info +ping +scan +dbsize +exists +get +set +unlink +evalsha +script|load",
  "recover sequence": "-@all ~seq:* +info +get +set +pttl +evalsha +script|load",
  "recover registry": "-@all ~conn:* +info +get +set +exists +dbsize +randomkey +time +evalsha +script|load",
  "recover pending, on the registry": "-@all ~conn:* +info +get +mget +exists +dbsize +randomkey",
  "recover token-buckets": "-@all ~bucket:* +info +eval_ro +eval +evalsha +script|load +hmget +hset +time",
} as const;

type Row = keyof typeof documentedRules;

const filterRow = ({ engine }: FilterConfig): Row =>
  engine === "bitmap" ? "probing, dedup with engine bitmap" : "probing, dedup with engine redisbloom";

/** What probing a role takes, without repetitions: `-@all`, key patterns, commands. */
export function probingRules(role: RedisRole, roles: RolesConfig): readonly string[] {
  const section = roles[role];
  if (section === undefined) return [];
  const own: Row =
    roles.dedup !== undefined && role === "dedup"
      ? filterRow(roles.dedup.filter)
      : `probing, ${role as Exclude<RedisRole, "dedup">}`;
  const rows: readonly Row[] = [
    "probing, every role",
    own,
    ...(settingsToRead(role, section).length > 0 ? (["probing, CONFIG is judged (see below)"] as const) : []),
    ...(section.topology === "cluster" ? (["probing, Redis Cluster"] as const) : []),
  ];
  return [...new Set(rows.flatMap((row) => documentedRules[row].split(" ")))];
}

/** A recovery that works on a role, and what it takes there. */
export interface RecoveryRules {
  readonly recovery: RecoveryName;
  /** With the key patterns of this platform. */
  readonly rules: readonly string[];
}

/** The keys that a role's recovery writes, as an ACL names them: each placeholder stands for anything. */
function keyRule(role: RedisRole, roles: RolesConfig): string {
  if (role === "dedup") return `~${roles.dedup?.filter.key ?? ""}*`;
  const pattern = roles[role]?.key ?? "";
  return `~${pattern.replace(/\{(?:user_id|conversation_id|provider|account)\}/g, "*")}`;
}

const recoveryRows: Readonly<Record<RedisRole, readonly (readonly [RecoveryName, Row])[]>> = {
  registry: [
    ["registry", "recover registry"],
    ["pending", "recover pending, on the registry"],
  ],
  rate_limit: [],
  sequence: [["sequence", "recover sequence"]],
  preferences: [["preferences", "recover preferences"]],
  dedup: [["bloom", "recover bloom, engine bitmap"]],
  token_bucket: [["token-buckets", "recover token-buckets"]],
};

/** What the recoveries of a role take. */
export function recoveryRules(role: RedisRole, roles: RolesConfig): readonly RecoveryRules[] {
  if (roles[role] === undefined) return [];
  const redisbloom = roles.dedup?.filter.engine === "redisbloom";
  return recoveryRows[role].map(([recovery, row]) => {
    const actual: Row = recovery === "bloom" && redisbloom ? "recover bloom, engine redisbloom" : row;
    const rules = documentedRules[actual].split(" ");
    return { recovery, rules: rules.map((rule) => (rule.startsWith("~") ? keyRule(role, roles) : rule)) };
  });
}

/** What the exporter and `status` ask Sentinels. */
export const sentinelRules: readonly string[] = documentedRules["on the Sentinels"].split(" ");
