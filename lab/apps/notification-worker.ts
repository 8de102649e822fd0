import { join } from "node:path";
import type { Config } from "../../core/config/schema.ts";
import { DedupClient } from "../../fallbacks/dedup/dedup-client.ts";
import { PreferencesClient } from "../../fallbacks/preferences/preferences-client.ts";
import { ProviderClient } from "../../fallbacks/providers/provider-client.ts";
import {
  channels,
  postgresDeadlineMs,
  section,
  storeDeadlineMs,
  throughPgBouncer,
} from "../platform/settings.ts";
import { shardOfKey } from "../platform/shards.ts";
import { type AppContext, runApp } from "./app.ts";
import { BatchedRows } from "./batched-rows.ts";
import {
  type Notification,
  type NotificationOutcome,
  notificationBatch,
  notificationId,
} from "./notification.ts";
import { sendRequest } from "./provider-requests.ts";
import { sentTable } from "./sent-table.ts";

const guard = { deadlineMs: storeDeadlineMs };
/** Checks at once until all of them are answered, before the first notification comes. */
const warmUpChecks = 16;
const warmUpMs = 10_000;

/**
 * Opens the connections to Postgres and compiles the code, before the worker counts as ready: what a cold worker cannot
 * look up in time it would send on assumption.
 */
async function warmUp(preferences: PreferencesClient): Promise<void> {
  const end = performance.now() + warmUpMs;
  const check = (_: unknown, index: number) =>
    preferences.check({ userId: `warm-up-${index}`, channel: "none", notificationId: "none" });
  for (let cold = true; cold && performance.now() < end; ) {
    const answers = await Promise.all(Array.from({ length: warmUpChecks }, check));
    cold = answers.some(({ degraded }) => degraded);
  }
}

/** A provider's section of redisops.yaml with the client that keeps to its accounts' limits. */
function providersOf(config: Config) {
  return new Map(
    Object.entries(config.providers).map(([provider, settings]) => {
      const accounts = Object.entries(settings.accounts).map(([name, { limit_per_second, burst }]) => ({
        name,
        limitPerSecond: limit_per_second,
        burst,
      }));
      return [
        provider,
        {
          settings,
          client: new ProviderClient(section(config, "token_bucket"), { ...guard, provider, accounts }),
        },
      ];
    }),
  );
}

/** Decisions about preferences by the shard of the cluster that the user's entry is in. */
class ShardCounts {
  readonly decisions: number[] = [];
  readonly degraded: number[] = [];

  add(userId: string, degraded: boolean): void {
    const shard = shardOfKey(`prefs:${userId}`);
    this.decisions[shard] = (this.decisions[shard] ?? 0) + 1;
    if (degraded) this.degraded[shard] = (this.degraded[shard] ?? 0) + 1;
  }
}

async function createClients({ settings, own, config }: AppContext) {
  const { tables, connection } = throughPgBouncer(config, settings);
  const clients = {
    preferences: new PreferencesClient(section(config, "preferences"), {
      ...guard,
      postgres: { ...connection, tables },
      bulkhead: { deadlineMs: postgresDeadlineMs },
      exposures: { directory: join(own.folder, "exposures") },
    }),
    dedup: new DedupClient(section(config, "dedup"), guard),
    providers: providersOf(config),
    sent: new BatchedRows(connection, sentTable),
  };
  const providers = [...clients.providers.values()].map(({ client }) => client);
  await Promise.all([clients.preferences, clients.dedup, ...providers].map((client) => client.ready(5_000)));
  await warmUp(clients.preferences);
  return clients;
}

/** Sends notifications: preference, duplicate check, provider, record. */
await runApp(async (context) => {
  const { preferences, dedup, providers, sent } = await createClients(context);
  const counts = { sent: 0, suppressed: 0, opted_out: 0, shed: 0, failed: 0 };
  const shards = new ShardCounts();

  const handle = async (one: Notification): Promise<NotificationOutcome> => {
    const { channel, priority, redelivered } = one;
    const id = notificationId(one.number);
    const userId = `u-${one.person}`;
    const wish = await preferences.check({ userId, channel, notificationId: id });
    shards.add(userId, wish.degraded);
    if (!wish.optedIn) return "opted_out";
    if ((await dedup.checkAndAdd(id, { redelivered })) === "duplicate") return "suppressed";
    const provider = providers.get(channels[channel]);
    if (provider === undefined) return "failed";
    const attempt = sendRequest(provider.settings, { to: userId, body: `notification ${one.number}` });
    const { outcome } = await provider.client.send({ priority }, attempt);
    if (outcome === "sent") sent.add({ id, atMs: Date.now() });
    return outcome;
  };

  return {
    routes: {
      "POST /notifications": async (body) => {
        const results = await Promise.all(notificationBatch.parse(body).map(handle));
        for (const outcome of results) counts[outcome] += 1;
        return { status: 200, body: results };
      },
    },
    counters: () => ({ ...counts, ...sent.counts, preferences: shards }),
    async stop() {
      await sent.close();
      dedup.close();
      for (const { client } of providers.values()) client.close();
      await preferences.close();
    },
  };
});
