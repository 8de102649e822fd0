import type { ProbeResult } from "../probe.ts";
import type { Read } from "./read.ts";

const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 1 });

/** What was observed of one provider's account, one fact each. */
export function accountFacts(read: Read, labels: Readonly<Record<string, string>>): string[] {
  const facts: string[] = [];
  const add = (value: number | undefined, text: (value: number) => string) => {
    if (value !== undefined) facts.push(text(value));
  };
  add(
    read("redisops_token_bucket_tokens", labels),
    (tokens) => `tokens ${number(tokens)} of ${number(read("redisops_token_bucket_capacity", labels) ?? 0)}`,
  );
  if (read("redisops_provider_throttled_total", labels)) {
    const wait = read("redisops_provider_retry_after_seconds", labels) ?? 0;
    facts.push(`throttled (429), asks to wait ${number(wait)} s`);
  }
  if (read("redisops_provider_credentials_rejected", labels) === 1) facts.push("credentials rejected");
  add(
    read("redisops_provider_response_seconds", labels),
    (seconds) => `answers in ${(seconds * 1000).toFixed(1)} ms`,
  );
  const limit = read("redisops_provider_limit", labels);
  add(read("redisops_provider_limit_remaining", labels), (left) =>
    limit === undefined
      ? `${number(left)} requests left`
      : `${number(left)} of ${number(limit)} requests left`,
  );
  const configured = read("redisops_token_bucket_refill_per_second", labels);
  const granted = read("redisops_provider_limit_per_second", labels);
  if (granted !== undefined && configured !== undefined && granted !== configured)
    facts.push(`provider grants ${number(granted)}/s, configured ${number(configured)}/s`);
  add(read("redisops_provider_concurrent_requests", labels), (count) => `${number(count)} under way there`);
  return facts;
}

/** Accounts whose bucket was looked at and whose provider was not asked, as provider/account. */
export function unprobedAccounts(results: readonly ProbeResult[]): string[] {
  const probed = new Set(results.map(({ probe }) => probe.target));
  return results
    .flatMap(({ samples }) => samples)
    .filter(({ metric }) => metric === "redisops_token_bucket_capacity")
    .map(({ labels }) => `${labels.provider}/${labels.account}`)
    .filter((target) => !probed.has(target));
}
