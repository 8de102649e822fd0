import type { Stage } from "../../lab/drills/stage.ts";
import { withPostgres } from "../../lab/platform/database.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";

const settings = ["maxmemory", "maxmemory-policy", "min-replicas-to-write"];

/** What faults change of data and settings, as it is now: the same before the first drill and after the last. */
export async function changeable({ platform }: Stage) {
  const servers = platform.members.filter(({ roles }) => roles.length > 0);
  const configured = await Promise.all(
    servers.map(async ({ name, port = 0 }) => {
      // One by one: several come in an order that changes from process to process.
      const live = await withRedis(port, (client) =>
        Promise.all(settings.map((setting) => client.config("GET", setting))),
      );
      return [name, live] as const;
    }),
  );
  const stuck = await withRedis(platform.stores.rateLimit.port, (client) =>
    client.eval("return #redis.call('KEYS', 'rate:u-1*')", 0),
  );
  const rows = await withPostgres(platform.postgres, async (client) => {
    const chosen = await client.query(
      "SELECT channel, count(*) FROM preferences WHERE opted_out GROUP BY channel ORDER BY channel",
    );
    const columns = await client.query(
      "SELECT column_name FROM information_schema.columns WHERE table_name = 'preference_changes' ORDER BY 1",
    );
    return { chosen: chosen.rows, columns: columns.rows };
  });
  return { configured: Object.fromEntries(configured), stuck: Number(stuck) >= 100, ...rows };
}
