import { withRedis } from "../servers/redis-client.ts";
import type { Done } from "./injection.ts";
import { rebuildFilter } from "./rebuild-filter.ts";
import type { PlatformSettings } from "./settings.ts";
import type { Stores } from "./stores.ts";

const deadlineMs = 5_000;

/** A server without so many replicas refuses every write, and still answers reads. */
const setting = "min-replicas-to-write";
const impossible = 9;

/**
 * Lets a rebuild of the filter fail, because its server refuses the writes. The server takes writes again afterwards; that
 * the run failed stays known until one succeeds.
 */
export async function failRecovery({ dedup }: Stores, { configFile }: PlatformSettings): Promise<Done> {
  const { port } = await dedup.sentinels.primaryAddress();
  const set = (value: number) =>
    withRedis(port, (client) => client.config("SET", setting, value), { deadlineMs });
  await set(impossible);
  const failed = await rebuildFilter(configFile)
    .then(
      () => false,
      () => true,
    )
    .finally(() => set(0));
  if (!failed) throw new Error("the rebuild of the filter did not fail");
  return {
    target: "dedup",
    members: dedup.servers.map(({ name }) => name),
    what: "a rebuild of the filter has failed: its server refused the writes",
    undo: () => rebuildFilter(configFile),
  };
}
