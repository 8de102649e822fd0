import type { Config } from "../core/config/schema.ts";
import { bloomProbe } from "./dedup/bloom-probe.ts";
import { knownSentIds } from "./dedup/known-sent-ids.ts";
import { SampleMemory } from "./postgres-sample.ts";
import type { Probe } from "./probe.ts";
import { rateLimitProbe } from "./rate-limit/rate-limit-probe.ts";
import { KeyWitnesses } from "./redis/key-witnesses.ts";
import { registryProbe } from "./registry/registry-probe.ts";
import { sampledMaxima } from "./sequence/sampled-maxima.ts";
import { SequenceMemory } from "./sequence/sequence-memory.ts";
import { sequenceProbe } from "./sequence/sequence-probe.ts";

/** What the probes of the roles' jobs keep between scrapes, also when the configuration is read anew. */
export class JobMemory {
  readonly witnesses = new KeyWitnesses();
  readonly sequence = new SequenceMemory();
  readonly sentIds = new SampleMemory<string>();
}

/** The probes of whether the registry, the rate counters, the sequence counters and the filter do what they are for. */
export function jobProbes({ roles, postgres, exporter }: Config, memory: JobMemory): Probe[] {
  const probes: Probe[] = [];
  if (roles.registry !== undefined) probes.push(registryProbe(roles.registry, memory.witnesses));
  if (roles.rate_limit !== undefined) probes.push(rateLimitProbe(roles.rate_limit, memory.witnesses));
  if (roles.sequence !== undefined) {
    const messages = postgres?.tables.messages;
    const maxima =
      postgres === undefined || messages === undefined
        ? undefined
        : sampledMaxima(postgres, messages, memory.sequence);
    probes.push(sequenceProbe(roles.sequence, maxima, memory.sequence));
  }
  if (roles.dedup !== undefined) {
    const sent = postgres?.tables.sent_notifications;
    const known =
      postgres === undefined || sent === undefined
        ? undefined
        : knownSentIds(postgres, sent, exporter.canary_ids, memory.sentIds);
    probes.push(bloomProbe(roles.dedup, known));
  }
  return probes;
}
