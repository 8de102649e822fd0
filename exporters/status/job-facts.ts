import type { Role } from "../../catalog/roles.ts";
import type { Sample } from "../../core/samples.ts";
import type { Read } from "./read.ts";

const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 1 });
const percent = (ratio: number) => `${Number((ratio * 100).toFixed(1))} %`;

/** A number that may have been estimated: `10`, or `about 10 ± 3`. */
function estimated(value: number, standardError = 0): string {
  if (standardError === 0) return number(value);
  return `about ${number(Math.round(value))} ± ${number(Math.ceil(standardError))}`;
}

/** Of canaries that fail where the servers take writes. That none came out right, and why, is the probe's error. */
function canaryFacts(read: Read, role: "registry" | "rate_limit" | "sequence", what: string): string[] {
  const ratio = read(`redisops_${role}_canary_ratio`) ?? 0;
  const available = read("redisops_role_key_space_available_ratio", { role }) ?? 1;
  return ratio === 0 || ratio > available - 0.0001 ? [] : [`${what} ${percent(ratio)} of the key space`];
}

function registryFacts(read: Read): string[] {
  const entries = read("redisops_registry_entries");
  const stuck = read("redisops_registry_entries_without_ttl");
  return [
    ...canaryFacts(read, "registry", "entries come back on"),
    ...(entries === undefined
      ? []
      : [`entries ${estimated(entries, read("redisops_registry_entries_standard_error"))}`]),
    ...(stuck === undefined || stuck === 0
      ? []
      : [
          `entries without a lifetime ${estimated(stuck, read("redisops_registry_entries_without_ttl_standard_error"))}`,
        ]),
  ];
}

function rateLimitFacts(read: Read): string[] {
  const stuck = read("redisops_rate_limit_counters_without_ttl");
  const error = read("redisops_rate_limit_counters_without_ttl_standard_error");
  return [
    ...canaryFacts(read, "rate_limit", "counters count on"),
    ...(stuck === undefined ? [] : [`counters without a lifetime ${estimated(stuck, error)}`]),
  ];
}

function sequenceFacts(read: Read): string[] {
  const sampled = read("redisops_sequence_conversations_sampled");
  const ratio = read("redisops_sequence_conversations_regressed_ratio");
  const behind = Math.round((sampled ?? 0) * (ratio ?? 0));
  const shortfall = read("redisops_sequence_largest_shortfall_ids") ?? 0;
  return [
    ...canaryFacts(read, "sequence", "counters rise on"),
    ...(sampled === undefined || ratio === undefined
      ? []
      : [`conversations whose counter fell behind: ${behind} of ${sampled}`]),
    ...(behind > 0 ? [`furthest behind by ${number(shortfall)} ids`] : []),
  ];
}

function replicaFacts(read: Read, samples: readonly Sample[]): string[] {
  // A replica that knows all ids is worth a line when the primary does not, or cannot tell.
  const primaryKnowsAll = read("redisops_bloom_canary_absent_ratio") === 0;
  return samples.flatMap(({ metric, labels, value }) => {
    if (metric === "redisops_bloom_replica_readable" && value === 0)
      return [`replica ${labels.node}: its filter does not answer`];
    if (metric === "redisops_bloom_replica_canary_absent_ratio" && !(primaryKnowsAll && value === 0))
      return [`replica ${labels.node}: known-sent ids absent ${percent(value)}`];
    return [];
  });
}

/** What on-call needs of whether a role does its job, one fact each. */
export function jobFacts(role: Role, read: Read, samples: readonly Sample[]): string[] {
  switch (role) {
    case "registry":
      return registryFacts(read);
    case "rate_limit":
      return rateLimitFacts(read);
    case "sequence":
      return sequenceFacts(read);
    case "dedup":
      return replicaFacts(read, samples);
    default:
      return [];
  }
}
