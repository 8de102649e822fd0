import { Registry } from "prom-client";
import { expect } from "vitest";
import {
  DedupClient,
  type DedupConnectionConfig,
  type DedupVerdict,
} from "../../../fallbacks/dedup/dedup-client.ts";
import { waitUntil } from "../../../lab/wait.ts";
import type { Workspace } from "../../../lab/workspace.ts";
import { patience } from "../../fixtures/processes.ts";
import { MetricsPage } from "../exporter-page.ts";

/** Long enough for a healthy server on a busy machine. */
const deadlineMs = 2_000;

/** The line of redis.conf that loads RedisBloom, from the command that REDISOPS_TEST_BLOOM_SERVER names; or undefined. */
export function bloomModule(): string | undefined {
  const path = /--loadmodule (\S+)/.exec(process.env.REDISOPS_TEST_BLOOM_SERVER ?? "")?.[1];
  return path === undefined ? undefined : `loadmodule ${path}`;
}

/** Workers that check each notification before they send it, and what they sent. */
export interface DedupTraffic {
  readonly client: DedupClient;
  /** How often each id was sent. */
  readonly sent: ReadonlyMap<string, number>;
  /** Checks each id and sends what is no duplicate. */
  send(ids: readonly string[], options?: { readonly redelivered?: boolean }): Promise<DedupVerdict[]>;
  /** Waits until the filter answers, trying ids of its own. */
  untilAnswered(): Promise<void>;
  /** Checks ids of its own until one gets no answer. */
  untilSkipped(): Promise<void>;
  page(): Promise<MetricsPage>;
}

/** Opens a client whose connection is there. */
export async function dedupTraffic(
  workspace: Workspace,
  config: DedupConnectionConfig,
  options: { readonly deadlineMs?: number } = {},
): Promise<DedupTraffic> {
  const metrics = new Registry();
  const client = new DedupClient(config, { deadlineMs: options.deadlineMs ?? deadlineMs, metrics });
  workspace.register({ name: "dedup client", stop: async () => client.close() });
  expect(await client.ready(patience)).toBe(true);
  const sent = new Map<string, number>();
  let probes = 0;
  const verdict = () => {
    probes += 1;
    return client.checkAndAdd(`probe-${probes}`);
  };
  return {
    client,
    sent,
    send: (ids, checkOptions) =>
      Promise.all(
        ids.map(async (id) => {
          const said = await client.checkAndAdd(id, checkOptions);
          if (said !== "duplicate") sent.set(id, (sent.get(id) ?? 0) + 1);
          return said;
        }),
      ),
    async untilAnswered() {
      const answered = async () => (await verdict()) !== "unknown";
      await waitUntil(answered, { what: "the filter to answer", deadlineMs: patience });
    },
    async untilSkipped() {
      const skipped = async () => (await verdict()) === "unknown";
      await waitUntil(skipped, { what: "a check to be skipped", deadlineMs: patience });
    },
    page: async () => new MetricsPage(await metrics.metrics()),
  };
}

/** `count` ids that begin with `name`. */
export function ids(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${name}-${n}`);
}

/** How many of the ids were sent so often, by that number. */
export function timesSent(traffic: DedupTraffic, all: readonly string[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const id of all) {
    const times = traffic.sent.get(id) ?? 0;
    counts[times] = (counts[times] ?? 0) + 1;
  }
  return counts;
}
