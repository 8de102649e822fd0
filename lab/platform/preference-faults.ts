import type { Client } from "pg";
import { loadConfig } from "../../core/config/load.ts";
import { encodePreferences } from "../../core/preferences/cache-entry.ts";
import { preferencesOf, readPreferencesQuery } from "../../core/preferences/read-row.ts";
import { keysOf } from "../../core/redis/key-pattern.ts";
import { withRedis } from "../servers/redis-client.ts";
import { withPostgres } from "./database.ts";
import type { Done } from "./injection.ts";
import { optedOut, type PlatformSettings, section } from "./settings.ts";
import { shardOfKey } from "./shards.ts";
import type { Stores } from "./stores.ts";

const deadlineMs = 5_000;
/** How long an entry lives that the fault writes, in milliseconds: as long as the library's own. */
const entryLife = 3_600_000;

/** Runs commands on the shards of the cluster that their keys are in. */
async function onShards(
  { cluster }: Stores,
  commands: readonly (readonly [command: string, key: string, ...rest: (string | number)[]])[],
): Promise<void> {
  const byShard = Map.groupBy(commands, ([, key]) => shardOfKey(key));
  await Promise.all(
    [...byShard].map(async ([shard, own]) => {
      const { port } = await cluster.primaryOf(shard);
      const replies = await withRedis(
        port,
        (client) => client.pipeline(own.map((words) => [...words])).exec(),
        {
          deadlineMs,
        },
      );
      for (const [error] of replies ?? []) if (error !== null) throw error;
    }),
  );
}

/** Changes rows without the triggers that tell the workers of it, as a restore or a replica's apply does. */
async function unheard(client: Client, text: string, values: readonly unknown[]): Promise<void> {
  await client.query("BEGIN");
  await client.query("SET LOCAL session_replication_role = replica");
  await client.query(text, [...values]);
  await client.query("COMMIT");
}

/**
 * Lets people opt out of e-mail in Postgres while the workers do not hear of it, so that their entries in the cache are
 * believed and wrong. The exporter judges people whose preferences changed within the last hour, so these have, in a way that
 * everybody heard of, just before.
 */
export async function stalePreferences(stores: Stores, settings: PlatformSettings): Promise<Done> {
  const keyOf = keysOf(section(loadConfig(settings.configFile), "preferences").key, "{user_id}");
  // Those who have opted out of one channel have a row that can be touched, and are not out of the other one.
  const users = Array.from({ length: settings.people }, (_, person) => person)
    .filter((person) => optedOut(settings, person, "sms") && !optedOut(settings, person, "email"))
    .map((person) => `u-${person}`);
  await withPostgres(stores.postgres, async (client) => {
    await client.query("UPDATE preferences SET changed_at = clock_timestamp() WHERE user_id = ANY ($1)", [
      users,
    ]);
    const entries: [string, string, string, string, number][] = [];
    for (const user of users) {
      const { rows } = await client.query(readPreferencesQuery("preferences"), [user]);
      entries.push(["set", keyOf(user), encodePreferences(preferencesOf(rows[0])), "PX", entryLife]);
    }
    await onShards(stores, entries);
    const insert =
      "INSERT INTO preferences (user_id, channel, opted_out) SELECT unnest($1::text[]), 'email', true";
    await unheard(client, insert, [users]);
  });
  return {
    target: "preferences",
    members: stores.cluster.nodes.map(({ server }) => server.name),
    what: `${users.length} people have opted out of e-mail, and no worker has heard of it`,
    async undo() {
      const remove = "DELETE FROM preferences WHERE user_id = ANY ($1) AND channel = 'email'";
      await withPostgres(stores.postgres, (client) => unheard(client, remove, [users]));
      await onShards(
        stores,
        users.map((user) => ["unlink", keyOf(user)]),
      );
    },
  };
}

/**
 * Renames the column by which the exporter draws changed preferences, as a migration may. The workers follow the changes by
 * transaction, and read that column only after they have lost touch.
 */
export async function breakSample({ postgres }: Stores): Promise<Done> {
  const rename = (from: string, to: string) =>
    withPostgres(postgres, async (client) => {
      await client.query(`ALTER TABLE preference_changes RENAME COLUMN ${from} TO ${to}`);
    });
  await rename("changed_at", "changed_on");
  return {
    target: "preferences",
    members: ["postgres"],
    what: "preference_changes has no column changed_at any more, so the exporter's sample of changes fails",
    undo: () => rename("changed_on", "changed_at"),
  };
}
