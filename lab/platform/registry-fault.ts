import { loadConfig } from "../../core/config/load.ts";
import { registryKeys } from "../../core/registry/entry.ts";
import { withRedis } from "../servers/redis-client.ts";
import { askApp } from "./ask-app.ts";
import type { Done } from "./injection.ts";
import { appsOf, type PlatformSettings, section } from "./settings.ts";
import type { Stores } from "./stores.ts";

const deadlineMs = 5_000;

const forget = `
local keys = redis.call('KEYS', ARGV[1])
for index = 1, #keys, 1000 do redis.call('UNLINK', unpack(keys, index, math.min(index + 999, #keys))) end
return #keys`;

/**
 * Lets the registry answer and know nobody, as after a restart without its data. The lab's connection servers would enter
 * their connections again with their next heartbeats, so these only prolong what is there, as those of an application do
 * that sends nothing but EXPIRE.
 */
export async function forgetConnections({ registry }: Stores, settings: PlatformSettings): Promise<Done> {
  const servers = appsOf(settings, "connection-server");
  const beat = (entries: "written" | "prolonged") =>
    Promise.allSettled(servers.map((server) => askApp(server, "/heartbeats", { entries })));
  const keyOf = registryKeys(section(loadConfig(settings.configFile), "registry").key);
  // A server that does not answer is down or hangs, and enters nobody either.
  await beat("prolonged");
  const entries = await withRedis(registry.port, (client) => client.call("EVAL", forget, 0, keyOf("*")), {
    deadlineMs,
  });
  return {
    target: "registry",
    members: [registry.name],
    what: `the registry forgets its ${entries} entries, and heartbeats only prolong what is there`,
    async undo() {
      await beat("written");
    },
  };
}
