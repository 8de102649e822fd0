import type { RolesConfig } from "../../core/config/redis-section.ts";
import { toRedisopsError } from "../../core/errors.ts";
import type { SequenceMaximum } from "../../core/postgres/sequence-maxima.ts";
import { describeTarget, type NodeConnection } from "../../core/redis/connect.ts";
import { sample } from "../../core/samples.ts";
import { canaryScript } from "../../core/sequence/canary-script.ts";
import type { PostgresSample } from "../postgres-sample.ts";
import type { Probe, Scrape } from "../probe.ts";
import { canaryRatioSoFar, canaryWrong, tryCanaries } from "../redis/canary.ts";
import { withoutCanary } from "../role-availability.ts";
import { compareCounters } from "./counters.ts";
import type { SequenceMemory } from "./sequence-memory.ts";

const labels = { role: "sequence" } as const;

/** Lifetime of the canary in milliseconds: longer than any pause between scrapes. */
const canaryLifetime = 7 * 24 * 3_600_000;
/** That of a new one: who looks once, as `redisops status` does, leaves nothing behind for a week. */
const firstLifetime = 10 * 60_000;

/** Counts on from what this exporter counted before; a lower or missing count is a store that lost data. */
function checkCount(memory: SequenceMemory, servers: string) {
  return async (connection: NodeConnection, key: string): Promise<void> => {
    // Other servers, after a reload, never had the counts of the former ones.
    const canary = `${servers} ${key}`;
    // What is known when the question is sent: a run at the same time may learn more before the answer is here.
    const last = memory.lastCount(canary);
    const lifetime = last === undefined ? firstLifetime : canaryLifetime;
    const count = Number(await canaryScript.run(connection.client, [key], [lifetime]));
    const expired = last === undefined || Date.now() - last.at > last.lifetime / 2;
    if (expired || count > last.count) {
      memory.counted(canary, Math.max(count, expired ? 0 : (memory.lastCount(canary)?.count ?? 0)), lifetime);
      return;
    }
    memory.regressions += 1;
    memory.counted(canary, count, lifetime);
    throw canaryWrong(
      connection,
      `has lost data: its canary counter was at ${last.count} and ${count === 1 ? "is gone" : `went back to ${count - 1}`}`,
    );
  };
}

/** Whether sequence counters only rise, and whether live ones are above what Postgres says is in use. */
export function sequenceProbe(
  config: NonNullable<RolesConfig["sequence"]>,
  maxima: PostgresSample<SequenceMaximum> | undefined,
  memory: SequenceMemory,
): Probe {
  const address = describeTarget("sequence", config);
  const canaries = async (emit: Parameters<Probe["run"]>[0], scrape: Scrape) => {
    const purpose = `sequence:${memory.exporter}`;
    const { ratio, failures } = await tryCanaries("sequence", purpose, scrape, checkCount(memory, address));
    if (ratio !== undefined) emit(sample("redisops_sequence_canary_ratio", labels, ratio));
    return failures;
  };
  const counters = async (emit: Parameters<Probe["run"]>[0], { left, redis, trace }: Scrape) => {
    if (maxima === undefined) return [];
    // A failure of Postgres must not hide what the canaries say, nor the other way round.
    try {
      const drawn = await maxima.current(left() / 2);
      const { compared, regressed, largestShortfall, failures } = await compareCounters(
        redis("sequence"),
        config.key,
        drawn,
        left,
      );
      trace(`held ${compared} of ${drawn.length} sampled conversations’ counters against Postgres`);
      if (compared > 0 || failures.length === 0) {
        emit(sample("redisops_sequence_conversations_sampled", labels, compared));
      }
      if (compared > 0) {
        emit(sample("redisops_sequence_conversations_regressed_ratio", labels, regressed / compared));
        emit(sample("redisops_sequence_largest_shortfall_ids", labels, largestShortfall));
      }
      return failures;
    } catch (error) {
      return [toRedisopsError(error)];
    }
  };
  const verdict = withoutCanary("redisops_sequence_canary_ratio", labels, canaryRatioSoFar);
  return {
    name: "sequence",
    role: "sequence",
    group: "sequence",
    target: "sequence",
    address,
    async run(emit, scrape) {
      const [failure] = (await Promise.all([canaries(emit, scrape), counters(emit, scrape)])).flat();
      if (failure !== undefined) throw failure;
    },
    conclude: (error, emitted, scrape) => [
      ...verdict(error, emitted, scrape),
      sample("redisops_sequence_canary_regressions_total", labels, memory.regressions),
    ],
  };
}
