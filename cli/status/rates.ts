import type { Config } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import type { ProbeResult } from "../../exporters/probe.ts";
import type { Look } from "./look.ts";
import { prometheusDeadline } from "./look.ts";

/** How much goes through a role, per second. */
export interface RoleRate {
  /** Decisions of the applications, as Prometheus has them. */
  readonly decisions?: number;
  /** Share of them that a fallback made, 0 to 1. */
  readonly degraded?: number;
  /** Commands that the role's servers processed between two looks. */
  readonly commands?: number;
}

const decisions = "sum by (role) (rate(redisops_decisions_total[1m]))";
const degraded = "sum by (role) (rate(redisops_decisions_degraded_total[1m]))";

function commandsOf(results: readonly ProbeResult[]): Map<string, Map<string, number>> {
  const counters = new Map<string, Map<string, number>>();
  for (const { samples } of results) {
    for (const { metric, labels, value } of samples) {
      if (metric !== "redisops_redis_commands_total") continue;
      const { role = "", node = "" } = labels;
      counters.set(role, (counters.get(role) ?? new Map<string, number>()).set(node, value));
    }
  }
  return counters;
}

/** Commands per second of each role between two looks; servers that were there at one of them only do not count. */
function commandRates(before: Look | undefined, now: Look): Map<string, number> {
  const rates = new Map<string, number>();
  if (before === undefined || now.at <= before.at) return rates;
  const earlier = commandsOf(before.results);
  for (const [role, nodes] of commandsOf(now.results)) {
    for (const [node, count] of nodes) {
      const known = earlier.get(role)?.get(node);
      // A server that was restarted counts from zero.
      if (known === undefined || count < known) continue;
      rates.set(role, (rates.get(role) ?? 0) + ((count - known) * 1_000) / (now.at - before.at));
    }
  }
  return rates;
}

/** The rates of each role, from Prometheus where it is configured and from the servers' own counters. */
export async function ratesOf(
  { prometheus }: Config,
  before: Look | undefined,
  now: Look,
): Promise<{ readonly rates: ReadonlyMap<string, RoleRate>; readonly warning?: string }> {
  const rates = new Map<string, RoleRate>();
  for (const [role, commands] of commandRates(before, now)) rates.set(role, { commands });
  // Who does not answer one question would not answer the next either.
  if (prometheus === undefined || now.warning !== undefined) return { rates };
  const { instantQuery } = await import("../../core/prometheus.ts");
  try {
    const [all, fallbacks] = await Promise.all(
      [decisions, degraded].map((promql) => instantQuery(prometheus.url, promql, prometheusDeadline)),
    );
    for (const { labels, value } of all ?? []) {
      const { role = "" } = labels;
      const less = fallbacks?.find((series) => series.labels.role === role)?.value ?? 0;
      rates.set(role, {
        ...rates.get(role),
        decisions: value,
        degraded: value > 0 ? Math.min(1, less / value) : 0,
      });
    }
    return { rates };
  } catch (error) {
    return { rates, warning: messageOf(error) };
  }
}
