import { loadConfig } from "../../core/config/load.ts";
import { registryKeys } from "../../core/registry/entry.ts";
import { withRedis } from "../servers/redis-client.ts";
import type { Done } from "./injection.ts";
import { type PlatformSettings, section } from "./settings.ts";
import type { Stores } from "./stores.ts";

const deadlineMs = 5_000;
/** Milliseconds between two deletions: the connection servers write their entries anew every five seconds. */
const interval = 250;

const forget = `
local keys = redis.call('KEYS', ARGV[1])
for index = 1, #keys, 1000 do redis.call('UNLINK', unpack(keys, index, math.min(index + 999, #keys))) end
return #keys`;

/**
 * Lets the registry answer and know nobody, as after a restart without its data while nothing writes the entries anew. The
 * lab's connection servers do so with every heartbeat, so what they write is deleted again and again.
 */
export async function forgetConnections({ registry }: Stores, settings: PlatformSettings): Promise<Done> {
  const keyOf = registryKeys(section(loadConfig(settings.configFile), "registry").key);
  const clear = () =>
    withRedis(registry.port, (client) => client.call("EVAL", forget, 0, keyOf("*")), { deadlineMs });
  const entries = Number(await clear());
  let clearing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // Whoever kills the registry meanwhile has it forget everything anyway.
    clearing = clearing.then(clear).catch(() => undefined);
  }, interval);
  timer.unref();
  return {
    target: "registry",
    members: [registry.name],
    what: `the registry forgets its ${entries} entries, and whatever is written anew`,
    async undo() {
      clearInterval(timer);
      await clearing;
    },
  };
}
