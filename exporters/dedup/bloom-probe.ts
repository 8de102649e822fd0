import { randomUUID } from "node:crypto";
import type { DedupConfig } from "../../core/config/redis-section.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { canarySamples, filterStateSamples, measuredSamples } from "../../core/filter/filter-samples.ts";
import { openFilter } from "../../core/filter/open-filter.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { sample } from "../../core/samples.ts";
import type { PostgresSample } from "../postgres-sample.ts";
import type { Probe } from "../probe.ts";
import { serverUntried } from "../role-availability.ts";
import { probeReplicas } from "./filter-replicas.ts";

/**
 * Ids of one scrape that nobody ever sent. Each is some twenty arguments of a command, which costs the exporter more than
 * the server; over an hour of scrapes they are thousands.
 */
const neverSentCount = 100;

/** Ids that were never sent and never will be. */
const neverSent = () => Array.from({ length: neverSentCount }, () => `redisops-never-sent-${randomUUID()}`);

/** Whether the filter does its job: its fill against its target, and whether it knows what was sent and nothing else. */
export function bloomProbe(config: DedupConfig, knownSent: PostgresSample<string> | undefined): Probe {
  return {
    name: "bloom",
    role: "dedup",
    group: "dedup",
    target: "dedup",
    address: `filter ${config.filter.key} of ${describeTarget("dedup", config)}`,
    async run(emit, { left, redis }) {
      // Drawn while the filter is read; a failure of Postgres must not hide what the filter says of itself.
      const ids = knownSent?.current(left() / 2).then(
        (drawn) => ({ drawn }),
        (error: unknown) => ({ error }),
      );
      const known = Promise.resolve(ids).then((outcome) =>
        outcome !== undefined && "drawn" in outcome ? outcome.drawn : undefined,
      );
      const readable = (value: 0 | 1) => emit(sample("redisops_bloom_readable", { role: "dedup" }, value));
      /** Reads of the filter, whose failures are told from all else that can fail here. */
      const reading = async <T>(answer: Promise<T>): Promise<T> => {
        try {
          return await answer;
        } catch (error) {
          if (!serverUntried(error)) readable(0);
          throw error;
        }
      };
      const replicas = probeReplicas(redis("dedup"), config.filter, known, { left }, emit).catch((error) => [
        toRedisopsError(error),
      ]);
      const primary = async () => {
        const connection = await reading(redis("dedup").primaryFor(config.filter.key));
        const filter = openFilter(connection, config.filter);
        for (const observed of filterStateSamples(await reading(filter.state()))) emit(observed);
        for (const observed of measuredSamples(await reading(filter.has(neverSent())))) emit(observed);
        const canaries = await known;
        const present = canaries === undefined ? undefined : await reading(filter.has(canaries));
        readable(1);
        if (present !== undefined) for (const observed of canarySamples(present)) emit(observed);
        const outcome = await ids;
        if (outcome !== undefined && "error" in outcome) throw outcome.error;
      };
      const [own, others] = await Promise.all([
        primary().then(
          () => [],
          (error: unknown) => [toRedisopsError(error)],
        ),
        replicas,
      ]);
      const [failure] = [...own, ...others];
      if (failure !== undefined) throw failure;
    },
  };
}
