import { randomBytes } from "node:crypto";
import { loadConfig } from "../../core/config/load.ts";
import { BitmapFilter, bitmapKeys, configuredLayout } from "../../core/filter/bitmap-filter.ts";
import { bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import { withRedis } from "../servers/redis-client.ts";
import type { Done } from "./injection.ts";
import { rebuildFilter } from "./rebuild-filter.ts";
import { type PlatformSettings, section } from "./settings.ts";
import type { Stores } from "./stores.ts";

const deadlineMs = 10_000;

/** Bytes of which five bits in eight are set: 0.625 to the power of ten hashes is 0.009, nine times the lab's target. */
function noise(length: number): Buffer {
  const [a, b, c] = [randomBytes(length), randomBytes(length), randomBytes(length)];
  for (let index = 0; index < length; index += 1) {
    a[index] = (a[index] ?? 0) | ((b[index] ?? 0) & (c[index] ?? 0));
  }
  return a;
}

/**
 * Sets bits at random, as a filter has them that was sized for less than was put into it. Undone by the rebuild from what was
 * sent, unless somebody has rebuilt it already.
 */
export async function saturateFilter({ dedup }: Stores, { configFile }: PlatformSettings): Promise<Done> {
  const { filter } = section(loadConfig(configFile), "dedup");
  const onPrimary = async <T>(
    work: (live: BitmapFilter, client: Parameters<Parameters<typeof withRedis<T>>[1]>[0]) => Promise<T>,
  ) => {
    const { port } = await dedup.sentinels.primaryAddress();
    return withRedis(
      port,
      (client) =>
        work(new BitmapFilter(client, "the lab's filter", filter.key, configuredLayout(filter)), client),
      { deadlineMs },
    );
  };
  const ratio = await onPrimary(async (live, client) => {
    const layout = await live.layout();
    for (let shard = 0; shard < layout.shards; shard += 1) {
      const key = bitmapKeys.shard(filter.key, shard);
      const mask = `${key}:noise`;
      await client.set(mask, noise(bytesPerShard(layout)), "PX", deadlineMs);
      await client.bitop("OR", key, key, mask);
      await client.unlink(mask);
    }
    return (await live.state()).falsePositiveRatio;
  });
  return {
    target: "dedup",
    members: dedup.servers.map(({ name }) => name),
    what: `the filter takes ${(ratio * 100).toFixed(1)} % of what was never sent for sent`,
    async undo() {
      const { falsePositiveRatio, targetFalsePositiveRatio } = await onPrimary((live) => live.state());
      if (falsePositiveRatio <= targetFalsePositiveRatio) return;
      await rebuildFilter(configFile);
    },
  };
}
