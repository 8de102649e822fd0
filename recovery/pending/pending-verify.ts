import type pg from "pg";
import { PendingDeliveriesBacklog } from "../../catalog/modes/PendingDeliveriesBacklog.ts";
import { depthAndOldest, highestShare, sampleRecipients } from "../../core/pending-deliveries/backlog.ts";
import { connectPostgres, quoteName } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { sample } from "../../core/samples.ts";
import { evaluateSignal } from "../../core/signal/evaluate.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { Plan, RecoveryContext, Verification } from "../recovery.ts";
import { type PendingConfig, type PendingDetails, pendingConfig, timeouts } from "./pending-config.ts";
import { Recipients } from "./recipients.ts";
import { countSetAside } from "./set-aside.ts";

/** Recipients who are looked up at once, and milliseconds that looking at all of them may take. */
const usersPerPage = 1_000;
const longestLook = 60_000;

const labels = { role: "registry" } as const;
const count = (value: number) => value.toLocaleString("en-US");
const upTo = (value: number, limit: number) => (value >= limit ? `at least ${count(value)}` : count(value));

/** Recipients of messages that waited at a moment, in order: one look at the index for each, however much waits. */
function recipientsSince({ pending }: PendingConfig): string {
  const table = quoteName(pending.table);
  const user = quoteName(pending.user_column);
  const createdAt = quoteName(pending.created_at_column);
  const next = (after: string) => `(SELECT ${user} FROM ${table} WHERE ${after} ORDER BY ${user} LIMIT 1)`;
  return `WITH RECURSIVE waiting (name, n) AS (
            SELECT first.name, 1 FROM ${next("($1::text IS NULL OR %u > $1)").replace("%u", user)} AS first (name)
            UNION ALL
            SELECT ${next(`${user} > waiting.name`)}, n + 1 FROM waiting WHERE name IS NOT NULL AND n < $2)
          SELECT name, EXISTS (
            SELECT FROM ${table} WHERE ${user} = waiting.name AND ${createdAt} <= $3::timestamptz) AS before
          FROM waiting WHERE name IS NOT NULL`;
}

interface Remaining {
  /** Recipients of messages that waited when the run began: connected since before it, connected since, and offline. */
  stuck: number;
  newcomers: number;
  offline: number;
  /** Whether all recipients were looked at. */
  whole: boolean;
}

/** Looks up everybody for whom messages wait that waited when the run began. */
async function lookAtRecipients(
  client: pg.Client,
  pending: PendingConfig,
  { startedAt }: PendingDetails,
  recipients: Recipients,
  signal: AbortSignal,
): Promise<Remaining> {
  const end = performance.now() + longestLook;
  const { rows: begun } = await client.query<{ ms: number }>(
    "SELECT (extract(epoch FROM $1::timestamptz) * 1000)::float8 AS ms",
    [startedAt],
  );
  const startedMs = begun[0]?.ms ?? 0;
  const found: Remaining = { stuck: 0, newcomers: 0, offline: 0, whole: true };
  const text = recipientsSince(pending);
  for (let after: string | null = null; ; ) {
    const { rows }: pg.QueryResult<{ name: string; before: boolean }> = await client.query(text, [
      after,
      usersPerPage,
      startedAt,
    ]);
    const users = rows.filter(({ before }) => before).map(({ name }) => name);
    const connected = await recipients.find(users, signal);
    found.offline += users.length - connected.size;
    for (const { connectedAtMs } of connected.values()) {
      if (connectedAtMs <= startedMs) found.stuck++;
      else found.newcomers++;
    }
    after = rows.at(-1)?.name ?? null;
    if (rows.length < usersPerPage) return found;
    if (performance.now() > end) return { ...found, whole: false };
  }
}

/** Messages that came in after the run began and wait, counted up to the limit. */
async function countArrived(
  client: pg.Client,
  { pending }: PendingConfig,
  { startedAt }: PendingDetails,
  limit: number,
): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM (
       SELECT FROM ${quoteName(pending.table)} WHERE ${quoteName(pending.created_at_column)} > $1::timestamptz LIMIT $2) AS arrived`,
    [startedAt, limit],
  );
  return rows[0]?.count ?? 0;
}

/** What the exporter's probe would show, judged by the mode's own signal. */
async function backlogRemains(
  client: pg.Client,
  context: RecoveryContext<"pending">,
  pending: PendingConfig,
  recipients: Recipients,
) {
  const { depth } = await depthAndOldest(
    client,
    pending.pending,
    context.config.exporter.pending_count_limit,
  );
  const bands = await sampleRecipients(client, pending.pending);
  const connected = await recipients.find([...new Set(bands.flat())], context.signal);
  const share = highestShare(bands, connected);
  const samples = [
    sample("redisops_pending_deliveries", labels, depth),
    sample("redisops_pending_deliveries_deliverable_ratio", labels, share),
  ];
  const thresholds = effectiveThresholds(PendingDeliveriesBacklog, context.config.thresholds);
  const holds = evaluateSignal(PendingDeliveriesBacklog.signal, samples, thresholds)?.some(
    (finding) => finding.holds,
  );
  return { depth, share, holds: holds === true };
}

/**
 * Looks whether messages that waited when the run began still wait for people who have been connected since before, and
 * evaluates the mode's own signal. Somebody who has connected since may have done so after the last pass, and is told
 * apart by the connection's own beginning.
 */
export async function verifyPending(
  context: RecoveryContext<"pending">,
  plan: Plan<PendingDetails>,
  tally: { readonly delivered: number } | undefined,
): Promise<Verification> {
  const pending = pendingConfig(context.config);
  const limit = context.config.exporter.pending_count_limit;
  const recipients = new Recipients(pending.registry);
  const database = await connectPostgres(pending.postgres, timeouts);
  try {
    const { client } = database;
    await client.query("SET jit = off");
    const remaining = await lookAtRecipients(client, pending, plan.details, recipients, context.signal);
    const backlog = await backlogRemains(client, context, pending, recipients);
    const setAside = await countSetAside(client, pending, limit, plan.details.startedAt);
    const arrived = await countArrived(client, pending, plan.details, limit);
    const of = "of messages that waited when the run began";
    return {
      holds: remaining.stuck === 0 && !backlog.holds,
      facts: [
        ...(tally === undefined
          ? []
          : [{ label: "handed over", value: `${count(tally.delivered)} messages, by this process` }]),
        { label: "set aside", value: `${count(setAside)} messages since the run began` },
        {
          label: "still waiting",
          value: `${of}: ${count(remaining.stuck)} recipients who are connected, ${count(remaining.newcomers)} who have connected since, ${count(remaining.offline)} who are not${remaining.whole ? "" : "; not all were looked at within a minute"}`,
        },
        ...(arrived === 0
          ? []
          : [{ label: "came in since", value: `${upTo(arrived, limit)} messages, and wait` }]),
        {
          label: "modes",
          value: `PendingDeliveriesBacklog ${backlog.holds ? "holds" : "does not hold"}: ${(backlog.share * 100).toFixed(0)} % deliverable in the worst age band`,
        },
      ],
      figures: {
        ...(tally === undefined ? {} : { delivered: tally.delivered }),
        set_aside: setAside,
        waiting_since: arrived,
        recipients_connected: remaining.stuck,
        recipients_connected_since: remaining.newcomers,
        recipients_offline: remaining.offline,
        deliverable_ratio: backlog.share,
      },
    };
  } catch (error) {
    throw postgresError(error, database.target);
  } finally {
    recipients.close();
    await database.close();
  }
}
