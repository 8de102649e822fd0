import { setTimeout as delay } from "node:timers/promises";
import { Registry } from "prom-client";
import { expect } from "vitest";
import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import type { Priority } from "../../../fallbacks/providers/priority.ts";
import {
  type Attempt,
  ProviderClient,
  type ProviderOptions,
  type SendResult,
} from "../../../fallbacks/providers/provider-client.ts";
import { type ProviderStandIn, startProviderStandIn } from "../../../lab/servers/provider-stand-in.ts";
import { waitUntil } from "../../../lab/wait.ts";
import type { Workspace } from "../../../lab/workspace.ts";
import { patience } from "../../fixtures/processes.ts";
import { MetricsPage } from "../exporter-page.ts";

/** Twilio accounts of these tests by their short name: the SID that the stand-in knows them by. */
export const sidOf = (account: string) => `AC${Buffer.from(account).toString("hex").padEnd(32, "0")}`;

/** Starts the stand-in with Twilio accounts of the given limits per second. */
export function startTwilio(
  workspace: Workspace,
  limits: Readonly<Record<string, number>>,
): Promise<ProviderStandIn> {
  const accounts = Object.entries(limits).map(([account, perSecond]) => ({
    provider: "twilio" as const,
    sid: sidOf(account),
    authToken: "token",
    perSecond,
  }));
  return startProviderStandIn(workspace, { accounts });
}

/** Sends a message through the stand-in, as if the provider were so many milliseconds away, there and back. */
export function twilioAttempt(twilio: ProviderStandIn, distanceMs = 0): Attempt {
  return async (account, signal) => {
    const sid = sidOf(account);
    await delay(distanceMs / 2);
    const response = await fetch(`${twilio.url}/2010-04-01/Accounts/${sid}/Messages.json`, {
      method: "POST",
      headers: {
        Authorization: `Basic ${Buffer.from(`${sid}:token`).toString("base64")}`,
        "Content-Type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({ To: "+15005550010", From: "+15005550006", Body: "hello" }).toString(),
      signal,
    });
    await response.body?.cancel();
    await delay(distanceMs / 2);
    return response;
  };
}

/** One worker process's client. */
export interface Worker {
  readonly client: ProviderClient;
  page(): Promise<MetricsPage>;
}

/** Opens a client whose connection to Redis is there. */
export async function openWorker(
  workspace: Workspace,
  connection: RedisConnectionConfig,
  options: Omit<ProviderOptions, "provider" | "metrics">,
): Promise<Worker> {
  const metrics = new Registry();
  // Long enough for a healthy Redis on a busy machine.
  const client = new ProviderClient(connection, {
    deadlineMs: 500,
    ...options,
    provider: "twilio",
    metrics,
  });
  workspace.register({ name: "provider client", stop: async () => client.close() });
  expect(await client.ready(patience)).toBe(true);
  return { client, page: async () => new MetricsPage(await metrics.metrics()) };
}

/** Notifications that a worker tries to send at a steady rate, whatever becomes of them. */
export class SteadyLoad {
  readonly results: Record<SendResult["outcome"], number> = { sent: 0, failed: 0, shed: 0 };
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(worker: Worker, attempt: Attempt, perSecond: number, priority: Priority = "normal") {
    this.#done = this.#run(worker, attempt, perSecond, priority);
  }

  /** Ends it and waits for what is on its way. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }

  async #run(worker: Worker, attempt: Attempt, perSecond: number, priority: Priority): Promise<void> {
    const onTheirWay = new Set<Promise<void>>();
    let last = performance.now();
    let due = 0;
    while (!this.#stopped) {
      await delay(10);
      const now = performance.now();
      // A process that was held up does not catch up all at once.
      due += (Math.min(100, now - last) * perSecond) / 1_000;
      last = now;
      for (; due >= 1; due -= 1) {
        const sending: Promise<void> = worker.client.send({ priority }, attempt).then(({ outcome }) => {
          this.results[outcome] += 1;
          onTheirWay.delete(sending);
        });
        onTheirWay.add(sending);
      }
    }
    await Promise.all(onTheirWay);
  }
}

/** Waits until the stand-in has answered so many more requests of the account. */
export async function answeredMore(twilio: ProviderStandIn, account: string, count: number): Promise<void> {
  const total = () => {
    const { accepted, throttled } = twilio.counts(sidOf(account));
    return accepted + throttled;
  };
  const goal = total() + count;
  await waitUntil(() => total() >= goal, { what: `${count} more requests`, deadlineMs: patience });
}
