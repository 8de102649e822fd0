import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MessageRouter } from "../../fallbacks/registry/message-router.ts";
import type { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { long } from "../fixtures/long.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import {
  type Answer,
  ConnectionServer,
  connectionOf,
  messageTo,
  type RegistryPlatform,
  startRegistryPlatform,
} from "./fallbacks-registry-platform.ts";

/** How long the registry is away, in seconds, unless the environment says otherwise. */
const outage = { killed: long ? 30 : 6, frozen: 5 };
const everyOutage = process.env.REDISOPS_TEST_OUTAGE_SECONDS;
const online = Array.from({ length: 80 }, (_, n) => `user-${n}`);
const offline = Array.from({ length: 10 }, (_, n) => `offline-${n}`);
const heartbeatMs = 1_000;

let workspace: Workspace;
let platform: RegistryPlatform;

beforeEach(async () => {
  workspace = await createWorkspace("fallbacks-registry-outage");
  platform = await startRegistryPlatform(workspace);
});

afterEach(async () => {
  await workspace.close();
});

/** Connection servers that keep their connections in the registry. */
class Heartbeats {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(registry: RegistryClient) {
    this.#done = this.#beat(registry);
  }

  async #beat(registry: RegistryClient): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await registry.heartbeatAll(online.map((user) => connectionOf(user)));
      await delay(heartbeatMs, undefined, { signal }).catch(() => undefined);
    }
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.#done;
  }
}

/** People who send one message after the other to each user, through a router at random. */
class Load {
  /** Accepted message ids of each user, in order. */
  readonly accepted = new Map<string, string[]>();
  readonly counts = {
    delivered: 0,
    offline: 0,
    registry_unavailable: 0,
    handover_failed: 0,
    backlog: 0,
    refused: 0,
  };
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;

  constructor(routers: readonly MessageRouter[]) {
    this.#done = Promise.all([...online, ...offline].map((user) => this.#send(user, routers)));
  }

  async #send(user: string, routers: readonly MessageRouter[]): Promise<void> {
    const { signal } = this.#stop;
    const accepted: string[] = [];
    this.accepted.set(user, accepted);
    while (!signal.aborted) {
      const message = messageTo(user, `${user}/${accepted.length}`);
      const router = routers[Math.floor(Math.random() * routers.length)];
      try {
        const result = await router?.route(message);
        if (result === undefined) continue;
        this.counts[result.outcome === "delivered" ? "delivered" : result.reason] += 1;
        accepted.push(message.messageId);
      } catch {
        this.counts.refused += 1;
      }
      await delay(50 + Math.random() * 150, undefined, { signal }).catch(() => undefined);
    }
  }

  get total(): number {
    return [...this.accepted.values()].reduce((sum, { length }) => sum + length, 0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

interface Checkpoint {
  readonly sent: number;
  readonly delivered: number;
  readonly pending: number;
  /** Accepted messages that are neither delivered nor pending. */
  readonly lost: number;
}

/** Counts every accepted message once. Correct under load: a message goes from pending to delivered and never back. */
async function check(load: Load, server: ConnectionServer): Promise<Checkpoint> {
  const sent = [...load.accepted].flatMap(([userId, ids]) => ids.map((messageId) => ({ userId, messageId })));
  const pending = new Set(await platform.pending());
  const undelivered = sent.filter((message) => server.times(message) === 0);
  const delivered = sent.length - undelivered.length;
  const waiting = undelivered.filter(({ messageId }) => pending.has(messageId)).length;
  return { sent: sent.length, delivered, pending: waiting, lost: sent.length - delivered - waiting };
}

interface Fault {
  readonly name: string;
  readonly seconds: number;
  begin(): Promise<void>;
  end(): Promise<void>;
}

const faults: readonly Fault[] = [
  {
    name: "killed, and back empty",
    seconds: Number(everyOutage ?? outage.killed),
    begin: () => platform.redis.kill(),
    end: () => platform.redis.restart({ empty: true }),
  },
  {
    name: "frozen, and back with its data",
    seconds: Number(everyOutage ?? outage.frozen),
    begin: async () => {
      platform.redis.pause();
      await frozen([platform.redis.pid]);
    },
    end: async () => platform.redis.resume(),
  },
];

describe("a registry that is away under load", () => {
  it.each(faults)(
    "loses nothing and keeps everybody's order: $name, $seconds s",
    { timeout: 5 * patience + Number(everyOutage ?? 0) * 1_000 },
    async ({ name, seconds: outageSeconds, begin, end }) => {
      const server = new ConnectionServer();
      server.answer = async (): Promise<Answer> => {
        await delay(1 + Math.random() * 4);
        return "acknowledge";
      };
      // Patient with a machine that is busy with other tests.
      const guard = { deadlineMs: 250 };
      const heartbeats = new Heartbeats(
        await platform.registry({ ...guard, ttlMs: 20_000 + outageSeconds * 1_000 }),
      );
      const routers = [
        platform.router(await platform.registry(guard), server.deliver),
        platform.router(await platform.registry(guard), server.deliver),
      ];
      for (let count = 0; count < 2; count++) {
        platform.worker(await platform.registry(guard), server.deliver).start();
      }
      const load = new Load(routers);
      const checkpoints: Checkpoint[] = [];
      const observe = async (seconds: number) => {
        const until = performance.now() + seconds * 1_000;
        while (performance.now() < until) {
          checkpoints.push(await check(load, server));
          await delay(250);
        }
      };

      // Long enough for entries to say `direct`, so that the outage meets routers that hand over without asking.
      await observe(7);
      expect(load.counts.delivered).toBeGreaterThan(0);
      await begin();
      await observe(outageSeconds);
      const worst = await check(load, server);
      expect(worst.pending).toBeGreaterThan(0);
      const deferred = load.counts.registry_unavailable;
      expect(deferred).toBeGreaterThan(0);
      await end();
      const back = performance.now();
      const before = load.counts.delivered;
      await waitUntil(() => load.counts.delivered > before + 100, {
        what: "messages to be handed over directly again",
        deadlineMs: patience,
      });
      await observe(3);
      await load.stop();
      await waitUntil(async () => (await platform.pending()).every((id) => id.startsWith("offline-")), {
        what: "nothing to wait for anybody connected",
        deadlineMs: patience,
      });
      const drainedMs = performance.now() - back;

      for (const checkpoint of checkpoints) expect(checkpoint.lost).toBe(0);
      for (const user of online) expect(server.received.get(user)).toEqual(load.accepted.get(user));
      for (const user of offline) {
        expect(server.received.get(user)).toBeUndefined();
        expect(await platform.pending(user)).toEqual(load.accepted.get(user));
      }
      const registry = await platform.registry();
      await registry.heartbeatAll(offline.map((user) => connectionOf(user)));
      await waitUntil(async () => (await platform.pending()).length === 0, {
        what: "the last message to be delivered",
        deadlineMs: patience,
      });
      const last = await check(load, server);
      expect(last).toEqual({ sent: load.total, delivered: load.total, pending: 0, lost: 0 });
      await heartbeats.stop();
      process.stderr.write(
        `${name}, ${outageSeconds} s: ${JSON.stringify({
          sent: load.total,
          ...load.counts,
          checkpoints: checkpoints.length,
          mostPending: Math.max(...checkpoints.map(({ pending }) => pending)),
          duplicates: server.duplicates,
          caughtUpAfterMs: Math.round(drainedMs),
        })}\n`,
      );
    },
  );
});
