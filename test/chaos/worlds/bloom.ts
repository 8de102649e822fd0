import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { FilterConfig } from "../../../core/config/redis-section.ts";
import { smallFilter, startRecoverPlatform } from "../../fixtures/recover-platform.ts";
import { startRedisBloom } from "../../fixtures/redisbloom-server.ts";
import type { World } from "../world.ts";
import { patientLimits } from "./servers.ts";

const sentIds = 150_000;
const learnedIds = 2_000;

/** A filter that has forgotten what Postgres knows, and has learned what Postgres does not know. */
export async function bloomWorld(engine: FilterConfig["engine"] = "bitmap"): Promise<World> {
  const isBitmap = engine === "bitmap";
  const filter = { engine, capacity: 200_000 };
  const platform = await startRecoverPlatform(isBitmap ? undefined : startRedisBloom);
  const sent = await platform.send(sentIds);
  const learned = Array.from({ length: learnedIds }, (_, n) => `learned-${n}`);
  const configFile = await platform.configure({ filter, sections: { recovery: { limits: patientLimits } } });
  let inTraffic: string[] = [];
  let total = 0;
  const live = platform.filter(filter);
  return {
    recovery: "bloom",
    // RedisBloom's filters cannot be merged: after the swap it is looked again for what came late.
    ...(isBitmap ? {} : { variant: "on RedisBloom", options: ["--settle", "2s"] }),
    configFile,
    stateDir: `${platform.folder}/state`,
    env: platform.env,
    admin: platform.admin,
    async reset() {
      await platform.redis.flushall();
      if (isBitmap) await platform.describeFilter(filter.capacity);
      else await platform.redis.call("BF.RESERVE", smallFilter.key, smallFilter.error_rate, filter.capacity);
      await live.add(learned);
      await platform.admin.query("DELETE FROM notifications WHERE id LIKE 'new-%'");
      inTraffic = [];
    },
    // As a worker does: into the filter, and, once it is sent, into Postgres.
    async traffic(signal) {
      while (!signal.aborted) {
        const id = `new-${total++}`;
        await live.add([id]);
        await platform.admin.query("INSERT INTO notifications VALUES ($1, now())", [id]);
        inTraffic.push(id);
        await delay(5);
      }
    },
    async state() {
      if (!isBitmap) return bitsOfRedisBloom(platform.redis);
      const keys = (await platform.keys()) as Record<string, { dump: string }>;
      const bits = Object.entries(keys).filter(([key]) => key.includes(":bits:"));
      return Object.fromEntries(
        bits.map(([key, { dump }]) => [key, createHash("sha256").update(dump).digest("hex")]),
      );
    },
    async problems() {
      const problems: string[] = [];
      const known = { sent, ...(isBitmap ? { learned } : {}), "sent meanwhile": inTraffic };
      for (const [what, ids] of Object.entries(known)) {
        const lacking = await platform.lacking(ids, filter);
        if (lacking.length > 0) problems.push(`the filter lacks ${lacking.length} ids that were ${what}`);
      }
      const left = Object.entries(await platform.keys()).filter(
        ([key, { expires }]) => key.includes(":shadow:") && !expires,
      );
      if (left.length > 0) problems.push(`${left.length} keys of shadows are left that do not expire`);
      return problems;
    },
    figures: () => ({ "ids sent meanwhile": total }),
    close: () => platform.close(),
  };
}

/** All but the header: how many ids it counts depends on how the filter was put together. */
async function bitsOfRedisBloom(redis: Redis): Promise<string> {
  const hash = createHash("sha256");
  for (let at = "0", part = 0; ; part += 1) {
    const reply = await redis.callBuffer("BF.SCANDUMP", smallFilter.key, at);
    if (!Array.isArray(reply) || Number(reply[0]) === 0) return hash.digest("hex");
    if (part > 0) hash.update(reply[1] as Buffer);
    at = String(reply[0]);
  }
}
