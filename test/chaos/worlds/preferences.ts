import { decodePreferences, encodePreferences } from "../../../core/preferences/cache-entry.ts";
import { readPreferences } from "../../../core/preferences/read-rows.ts";
import { preferencesSchema } from "../../../core/preferences/schema.ts";
import type { World } from "../world.ts";
import { startServers } from "./servers.ts";

const people = 6_000;
const warm = 4_000;
const names = Array.from({ length: people }, (_, n) => `p${n}`);
/** People who changed their mind while the cache was away: the first ones of them out, the others in. */
const changed = names.filter((_, n) => n % 3 === 0);

/** A cache that was away while a third of the people changed their minds. */
export async function preferencesWorld(): Promise<World> {
  const servers = await startServers("chaos-preferences");
  const { redis, admin } = servers;
  await admin.query(preferencesSchema);
  await admin.query(`CREATE TABLE activity (user_id text NOT NULL, sent_at timestamptz NOT NULL);
    CREATE INDEX ON activity (sent_at, user_id);
    INSERT INTO activity SELECT 'p' || n, now() - n * interval '1 second' FROM generate_series(0, ${people - 1}) AS n`);
  const configFile = await servers.configure(
    {
      roles: { preferences: servers.role },
      recovery: { preferences: { activity: { table: "activity" }, warm_users: warm, read_share: 1 } },
    },
    { preferences: { reads_per_second: 4_000 } },
  );
  const choose = (users: readonly string[], optedOut: boolean) =>
    admin.query(
      `INSERT INTO preferences (user_id, channel, opted_out) SELECT unnest($1::text[]), 'sms', $2
       ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = excluded.opted_out`,
      [users, optedOut],
    );
  const half = Math.floor(changed.length / 2);

  async function entries(): Promise<Map<string, boolean>> {
    const found = new Map<string, boolean>();
    const stored = await redis.mget(names.map((name) => `prefs:${name}`));
    stored.forEach((text, n) => {
      const entry = text === null ? undefined : decodePreferences(text);
      if (entry !== undefined) found.set(`p${n}`, entry.optedOut.includes("sms"));
    });
    return found;
  }

  return {
    ...servers,
    recovery: "preferences",
    options: ["--ramp", "0s"],
    configFile,
    async reset() {
      await redis.flushall();
      await admin.query("TRUNCATE preferences, preference_changes RESTART IDENTITY");
      await admin.query("DELETE FROM preference_changes");
      await choose(changed.slice(half), true);
      await admin.query("SELECT pg_current_xact_id()");
      // Every other one is in the cache, as it was before.
      const cached = names.filter((_, n) => n % 2 === 0);
      const read = await readPreferences(admin, "preferences", cached);
      const pipeline = redis.pipeline();
      for (const [user, entry] of read) {
        pipeline.set(`prefs:${user}`, encodePreferences(entry), "PX", 3_600_000);
      }
      await pipeline.exec();
      await choose(changed.slice(0, half), true);
      await choose(changed.slice(half), false);
    },
    async state() {
      return Object.fromEntries(await entries());
    },
    async problems() {
      const found = await entries();
      const out = new Set(changed.slice(0, half));
      const wrong = [...found].filter(([user, optedOut]) => optedOut !== out.has(user));
      const cold = names.slice(0, warm).filter((user) => !found.has(user)).length;
      return [
        ...(wrong.length === 0
          ? []
          : [`${wrong.length} entries contradict their row, such as ${wrong[0]?.[0]}`]),
        ...(cold <= warm / 10 ? [] : [`${cold} of the ${warm} latest active people have no entry`]),
      ];
    },
  };
}
