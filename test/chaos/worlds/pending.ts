import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { pendingDeliveriesDdl } from "../../../core/pending-deliveries/table.ts";
import { formatEntry } from "../../../core/registry/entry.ts";
import type { World } from "../world.ts";
import { startServers } from "./servers.ts";

const connected = 600;
const offline = 50;
const each = 25;
const stream = "handed-over";

/** Messages that wait, for people who are connected and for people who are not. Each is handed over to a Redis stream. */
export async function pendingWorld(): Promise<World> {
  const servers = await startServers("chaos-pending");
  const { redis, admin } = servers;
  await admin.query(pendingDeliveriesDdl());
  const configFile = await servers.configure(
    {
      roles: { registry: servers.role },
      recovery: {
        pending: { delivery: { kind: "redis_stream", address: servers.role.address, stream } },
      },
    },
    { pending_deliveries: {} },
  );
  /** How many messages each user has been sent. */
  let sent = new Map<string, number>();
  let total = 0;
  let repeats = 0;

  /** What each user was handed over, in order, with repetitions. */
  async function received(): Promise<Map<string, number[]>> {
    const byUser = new Map<string, number[]>();
    for (const [, fields] of await redis.xrange(stream, "-", "+")) {
      const id = fields[fields.indexOf("message_id") + 1] ?? "";
      const [user = "", n = ""] = id.split("/");
      const list = byUser.get(user);
      if (list === undefined) byUser.set(user, [Number(n)]);
      else list.push(Number(n));
    }
    return byUser;
  }

  async function waiting(): Promise<Map<string, number[]>> {
    const { rows } = await admin.query<{ message_id: string }>(
      "SELECT message_id FROM pending_deliveries ORDER BY position",
    );
    const byUser = new Map<string, number[]>();
    for (const { message_id } of rows) {
      const [user = "", n = ""] = message_id.split("/");
      byUser.set(user, [...(byUser.get(user) ?? []), Number(n)]);
    }
    return byUser;
  }

  return {
    ...servers,
    recovery: "pending",
    configFile,
    async reset() {
      await redis.flushall();
      await admin.query("TRUNCATE pending_deliveries; DROP TABLE IF EXISTS pending_deliveries_set_aside");
      const connectedAtMs = Date.now() - 60_000;
      const entry = formatEntry({
        ...{ serverId: "s-1", connectionId: "c", connectedAtMs },
        ...{ delivery: "queued", sinceMs: connectedAtMs },
      });
      const pipeline = redis.pipeline();
      for (let n = 0; n < connected; n += 1) pipeline.set(`conn:on-${n}`, entry);
      await pipeline.exec();
      await admin.query(
        `INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body)
         SELECT name || '/' || m, name, 'c', 'body' FROM generate_series(0, $3::int - 1) AS m,
           (SELECT 'on-' || n AS name FROM generate_series(0, $1::int - 1) AS n
            UNION ALL SELECT 'off-' || n FROM generate_series(0, $2::int - 1) AS n) AS people
         ORDER BY m`,
        [connected, offline, each],
      );
      const people = [
        ...Array.from({ length: connected }, (_, n) => `on-${n}`),
        ...Array.from({ length: offline }, (_, n) => `off-${n}`),
      ];
      sent = new Map(people.map((name) => [name, each]));
    },
    async traffic(signal) {
      while (!signal.aborted) {
        const user = `on-${(total * 7919) % connected}`;
        const n = sent.get(user) ?? 0;
        await admin.query(
          "INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body) VALUES ($1, $2, 'c', 'body')",
          [`${user}/${n}`, user],
        );
        sent.set(user, n + 1);
        total += 1;
        await delay(5);
      }
    },
    async state() {
      const handed = [...(await received())].map(([user, ids]) => [user, [...new Set(ids)]]).sort();
      return {
        handed: createHash("sha256").update(JSON.stringify(handed)).digest("hex"),
        left: [...(await waiting()).keys()].sort(),
      };
    },
    async problems() {
      const handed = await received();
      const left = await waiting();
      const problems: string[] = [];
      for (const [user, count] of sent) {
        // A receiver knows an id that it was given before.
        const ids = [...new Set(handed.get(user) ?? [])];
        repeats += (handed.get(user)?.length ?? 0) - ids.length;
        const still = left.get(user) ?? [];
        const all = new Set([...ids, ...still]);
        if (all.size !== count) problems.push(`${user} has lost ${count - all.size} messages`);
        if (ids.some((id, index) => id !== index)) problems.push(`${user} was handed over ${ids.join(" ")}`);
        if (user.startsWith("off-") && ids.length > 0)
          problems.push(`${user} is not connected and was served`);
      }
      return problems.slice(0, 5);
    },
    figures: () => ({ "messages meanwhile": total, "raw repetitions": repeats }),
  };
}
