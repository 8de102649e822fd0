import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { startRecoverPlatform } from "../../fixtures/recover-platform.ts";
import type { World } from "../world.ts";
import { patientLimits } from "./servers.ts";

const sentIds = 150_000;
const learnedIds = 2_000;
const filter = { capacity: 200_000 };

/** A bitmap filter that has forgotten what Postgres knows, and has learned what Postgres does not know. */
export async function bloomWorld(): Promise<World> {
  const platform = await startRecoverPlatform();
  const sent = await platform.send(sentIds);
  const learned = Array.from({ length: learnedIds }, (_, n) => `learned-${n}`);
  const configFile = await platform.configure({ filter, sections: { recovery: { limits: patientLimits } } });
  let inTraffic: string[] = [];
  let total = 0;
  const live = platform.filter(filter);
  return {
    recovery: "bloom",
    configFile,
    stateDir: `${platform.folder}/state`,
    env: platform.env,
    admin: platform.admin,
    async reset() {
      await platform.redis.flushall();
      await platform.describeFilter(filter.capacity);
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
      const keys = (await platform.keys()) as Record<string, { dump: string }>;
      const bits = Object.entries(keys).filter(([key]) => key.includes(":bits:"));
      return Object.fromEntries(
        bits.map(([key, { dump }]) => [key, createHash("sha256").update(dump).digest("hex")]),
      );
    },
    async problems() {
      const problems: string[] = [];
      for (const [what, ids] of Object.entries({ sent, learned, "sent meanwhile": inTraffic })) {
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
