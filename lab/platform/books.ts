import type { InboxCounts } from "../apps/inbox.ts";
import type { MessageCounts } from "../apps/message-load.ts";
import { messageIdOf, messageNumber } from "../apps/message-number.ts";
import type { NotificationCounts } from "../apps/notification-load.ts";
import type { PostgresServer } from "../servers/postgres.ts";
import { waitingMessages } from "./database.ts";
import { NumberSet } from "./number-set.ts";
import { type AppSettings, appsOf, type PlatformSettings, type Rates, urlOf } from "./settings.ts";
import { shardCount } from "./shards.ts";
import type { AccountStatus, MessageBooks, NotificationBooks } from "./status.ts";

const deadlineMs = 3_000;

interface GeneratorCounters {
  readonly rates: Rates;
  readonly messages: MessageCounts;
  readonly notifications: NotificationCounts;
}

interface WorkerCounters {
  readonly preferences: { readonly decisions: readonly number[]; readonly degraded: readonly number[] };
}

/** What the platform's processes have counted, put together. */
export interface Books {
  readonly rates: Rates | null;
  readonly messages: MessageBooks | null;
  readonly notifications: NotificationBooks | null;
  readonly providers: readonly AccountStatus[] | null;
}

/** What an app answers; undefined when it does not. */
async function ask<T>(app: AppSettings | undefined, path: string, read: (response: Response) => Promise<T>) {
  if (app === undefined) return undefined;
  try {
    const response = await fetch(`${urlOf(app)}${path}`, { signal: AbortSignal.timeout(deadlineMs) });
    return response.status === 200 ? await read(response) : undefined;
  } catch {
    return undefined;
  }
}

/** The counters of one of the lab's own processes, whose shape is therefore known. */
function counters<T>(app: AppSettings | undefined): Promise<T | undefined> {
  return ask(app, "/counters", async (response) => (await response.json()) as T);
}

function numbers(app: AppSettings | undefined, path: string): Promise<NumberSet | undefined> {
  return ask(app, path, async (response) => new NumberSet(new Uint8Array(await response.arrayBuffer())));
}

/** All or nothing: a part would look like a loss. */
function complete<T>(values: readonly (T | undefined)[]): readonly T[] | undefined {
  const there = values.filter((value): value is T & {} => value !== undefined && value !== null);
  return there.length === values.length ? there : undefined;
}

/**
 * Asks in the order in which a message moves: accepted, waiting, delivered. A message that moves on between two questions
 * is then seen twice and never missed.
 */
async function messageBooks(
  settings: PlatformSettings,
  postgres: PostgresServer,
): Promise<MessageBooks | null> {
  const [generator] = appsOf(settings, "load-generator");
  const servers = appsOf(settings, "connection-server");
  const accepted = await numbers(generator, "/accepted");
  const waiting = await waitingMessages(postgres).catch(() => undefined);
  const delivered = complete(await Promise.all(servers.map((app) => numbers(app, "/delivered"))));
  const inboxes = complete(await Promise.all(servers.map((app) => counters<InboxCounts>(app))));
  const sent = await counters<GeneratorCounters>(generator);
  if (sent === undefined || inboxes === undefined) return null;

  const missing = lost(accepted, waiting, delivered);
  const sum = (of: keyof InboxCounts) => inboxes.reduce((total, counts) => total + counts[of], 0);
  return {
    ...sent.messages,
    delivered: sum("delivered"),
    duplicates: sum("duplicates"),
    outOfOrder: sum("outOfOrder"),
    pending: waiting?.length ?? null,
    lost: missing?.count ?? null,
    lostIds: missing?.first.map(messageIdOf) ?? [],
  };
}

function lost(
  accepted: NumberSet | undefined,
  waiting: readonly string[] | undefined,
  delivered: readonly NumberSet[] | undefined,
) {
  if (accepted === undefined || waiting === undefined || delivered === undefined) return undefined;
  const found = new NumberSet();
  for (const set of delivered) found.addAll(set);
  for (const id of waiting) {
    const number = messageNumber(id);
    if (number !== undefined) found.add(number);
  }
  return accepted.missingFrom(found);
}

async function notificationBooks(settings: PlatformSettings): Promise<NotificationBooks | null> {
  const workers = await Promise.all(
    appsOf(settings, "notification-worker").map((app) => counters<WorkerCounters>(app)),
  );
  const generator = await counters<GeneratorCounters>(appsOf(settings, "load-generator")[0]);
  if (generator === undefined) return null;
  const { notifications: own } = generator;
  const byShard = (of: "decisions" | "degraded") =>
    Array.from({ length: shardCount }, (_, shard) =>
      workers.reduce((sum, worker) => sum + (worker?.preferences[of][shard] ?? 0), 0),
    );
  return {
    ...own,
    unaccounted: own.produced - own.sent - own.optedOut - own.missed - own.givenUp - own.outstanding,
    decisionsByShard: byShard("decisions"),
    degradedByShard: byShard("degraded"),
  };
}

/** Puts the books together, as far as the processes answer. */
export async function readBooks(settings: PlatformSettings, postgres: PostgresServer): Promise<Books> {
  const [generator] = appsOf(settings, "load-generator");
  const [standIn] = appsOf(settings, "provider-stand-in");
  const [messages, notifications, own, providers] = await Promise.all([
    messageBooks(settings, postgres),
    notificationBooks(settings),
    counters<GeneratorCounters>(generator),
    counters<{ accounts: AccountStatus[] }>(standIn),
  ]);
  return { messages, notifications, rates: own?.rates ?? null, providers: providers?.accounts ?? null };
}
