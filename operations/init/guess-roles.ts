import type { RedisRole } from "../../catalog/roles.ts";
import { defaultRateLimitKey } from "../../core/rate-limit/count-script.ts";
import { keyMatcher } from "../../core/redis/key-pattern.ts";
import { defaultRegistryKey } from "../../core/registry/entry.ts";
import { defaultSequenceKey } from "../../core/sequence/counter.ts";
import { groupOf, type KeyKind, type SampledKey } from "./redis-sample.ts";

/** What the keys of a server say of one role. */
export interface RoleGuess {
  readonly role: RedisRole;
  /** Keys of the sample that say so; of two servers the one with more of them has the role. */
  readonly weight: number;
  /** The key pattern; undefined where it is the default, and for the filter. */
  readonly key: string | undefined;
  readonly why: string;
  /** The filter's engine, key and sizing. */
  readonly filter?: {
    readonly engine: "bitmap" | "redisbloom";
    readonly key: string;
    readonly sizing: SampledKey["filter"];
  };
  /** The longest time to live among the keys, in milliseconds. */
  readonly longestTtl: number | undefined;
  /** Providers and accounts that have a bucket. */
  readonly accounts?: readonly (readonly [string, string])[];
}

const defaultPreferencesKey = "prefs:{user_id}";
const defaultBucketKey = "bucket:{provider}:{account}";

/** A counter for a user's limit has a name like this where it has not got the default one. */
const rateName = /rate|limit|throttl|quota/i;
const sequenceName = /seq|last[-_]?id|msg[-_]?id|message[-_]?id/i;

/** The pattern that all keys are of: what they begin and end with, up to a separator. */
export function patternOf(keys: readonly string[], placeholder: string): string {
  const [first = ""] = keys;
  const prefixLength = keys.reduce((length, key) => {
    let same = 0;
    while (same < length && key[same] === first[same]) same += 1;
    return same;
  }, first.length);
  // Of a single key all is the same.
  const prefix = groupOf(first.slice(0, keys.length > 1 ? prefixLength : first.length));
  const rests = keys.map((key) => key.slice(prefix.length));
  if (rests.every((rest) => /^\{[^}]+\}$/.test(rest))) return `${prefix}{${placeholder}}`;
  const [rest = ""] = rests;
  const at = keys.length > 1 ? rest.search(/[:/|]/) : -1;
  const suffix = at < 0 ? "" : rest.slice(at);
  return rests.every((each) => each.endsWith(suffix))
    ? `${prefix}${placeholder}${suffix}`
    : `${prefix}${placeholder}`;
}

const hashTagged = (keys: readonly string[]) => keys.every((key) => /\{[^}]+\}$/.test(key));

/** The pattern where it is not the default one. */
function keyOf(keys: readonly string[], byDefault: string, placeholder: string): string | undefined {
  if (keys.every(keyMatcher(byDefault, placeholder)) && !hashTagged(keys)) return undefined;
  const found = patternOf(keys, placeholder);
  return found === byDefault ? undefined : found;
}

const ttlOf = (sampled: readonly SampledKey[]) => {
  const longest = Math.max(0, ...sampled.map(({ ttl }) => ttl ?? 0));
  return longest > 0 ? longest : undefined;
};

const share = (of: number, all: number) => `${of} of ${all} keys that were looked at`;

function ofLayout(
  role: RedisRole,
  kind: KeyKind,
  byDefault: string,
  sampled: readonly SampledKey[],
  what: string,
): RoleGuess[] {
  const own = sampled.filter((each) => each.kind === kind);
  if (own.length === 0) return [];
  const keys = own.map(({ key }) => key);
  return [
    {
      role,
      weight: own.length,
      key: keyOf(keys, byDefault, "{user_id}"),
      why: `${share(own.length, sampled.length)} are ${what}.`,
      longestTtl: ttlOf(own),
    },
  ];
}

/** Plain counters say nothing of what they count but by their name; a single kind of them is taken for it. */
function ofCounters(
  role: "rate_limit" | "sequence",
  sampled: readonly SampledKey[],
  {
    byDefault,
    placeholder,
    name,
  }: { readonly byDefault: string; readonly placeholder: string; readonly name: RegExp },
): RoleGuess[] {
  const kind = role === "rate_limit" ? "expiring_counter" : "lasting_counter";
  const counters = sampled.filter(
    (each) =>
      each.kind === kind || (each.kind === "lasting_counter" && keyMatcher(byDefault, placeholder)(each.key)),
  );
  const groups = Map.groupBy(counters, ({ key }) => groupOf(key));
  const named = [...groups].filter(
    ([group, [first]]) => name.test(group) || keyMatcher(byDefault, placeholder)(first?.key ?? ""),
  );
  const otherwise = role === "rate_limit" ? sequenceName : rateName;
  const unnamed = [...groups].filter(([group]) => !otherwise.test(group) && group !== "");
  const byName = named.length > 0;
  const [best] = byName
    ? named.toSorted(([, a], [, b]) => b.length - a.length)
    : unnamed.length === 1
      ? unnamed
      : [];
  if (best === undefined) return [];
  const [, own] = best;
  const life = role === "rate_limit" ? "that expire" : "that last";
  return [
    {
      role,
      weight: own.length,
      key: keyOf(
        own.map(({ key }) => key),
        byDefault,
        placeholder,
      ),
      why: `${share(own.length, sampled.length)} are counters ${life}, ${byName ? "named like this role's" : "the only ones of their kind: a guess, look at it"}.`,
      longestTtl: ttlOf(own),
    },
  ];
}

function ofBuckets(sampled: readonly SampledKey[]): RoleGuess[] {
  const own = sampled.filter(({ kind }) => kind === "token_bucket");
  if (own.length === 0) return [];
  const parts = own.map(({ key }) => key.split(":"));
  const accounts = parts.map((words) => [words.at(-2) ?? "", words.at(-1) ?? ""] as const);
  const prefixes = new Set(parts.map((words) => words.slice(0, -2).join(":")));
  const [prefix = ""] = prefixes;
  const found = `${prefix}:{provider}:{account}`;
  return [
    {
      role: "token_bucket",
      weight: own.length,
      key: prefixes.size !== 1 || found === defaultBucketKey ? undefined : found,
      why: `${share(own.length, sampled.length)} are buckets with tokens.`,
      longestTtl: undefined,
      accounts,
    },
  ];
}

function ofFilters(sampled: readonly SampledKey[]): RoleGuess[] {
  const filters = sampled.filter(({ kind }) => kind === "bitmap_filter" || kind === "redisbloom_filter");
  // A recovery's shadow expires; the filter itself does not.
  const [own] = filters.toSorted((a, b) => Number(a.ttl !== undefined) - Number(b.ttl !== undefined));
  if (own === undefined) return [];
  const engine = own.kind === "bitmap_filter" ? "bitmap" : "redisbloom";
  const how = engine === "bitmap" ? "a bitmap filter with its description" : "a filter of RedisBloom";
  return [
    {
      role: "dedup",
      weight: 1,
      key: undefined,
      why: `It holds ${how}${own.filter === undefined ? "" : `, which tells its sizing`}.`,
      filter: { engine, key: own.key, sizing: own.filter },
      longestTtl: undefined,
    },
  ];
}

/** What the keys that were looked at on one server say of the roles. */
export function guessRoles(sampled: readonly SampledKey[]): readonly RoleGuess[] {
  return [
    ...ofLayout("registry", "registry_entry", defaultRegistryKey, sampled, "entries of the registry"),
    ...ofCounters("rate_limit", sampled, {
      byDefault: defaultRateLimitKey,
      placeholder: "{user_id}",
      name: rateName,
    }),
    ...ofCounters("sequence", sampled, {
      byDefault: defaultSequenceKey,
      placeholder: "{conversation_id}",
      name: sequenceName,
    }),
    ...ofLayout("preferences", "preferences_entry", defaultPreferencesKey, sampled, "cached preferences"),
    ...ofFilters(sampled),
    ...ofBuckets(sampled),
  ];
}
