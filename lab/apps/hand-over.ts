import type { Deliver } from "../../core/pending-deliveries/message.ts";
import { appsOf, type PlatformSettings, serverIdOf, urlOf } from "../platform/settings.ts";

/** Hands messages to the platform's connection servers over HTTP. */
export function handOver(settings: PlatformSettings): Deliver {
  const urls = new Map(
    appsOf(settings, "connection-server").map((app) => [serverIdOf(app), `${urlOf(app)}/deliver`]),
  );
  return async (serverId, message, signal) => {
    const url = urls.get(serverId);
    if (url === undefined) return false;
    const response = await fetch(url, { method: "POST", body: JSON.stringify(message), signal });
    await response.body?.cancel();
    return response.status === 200;
  };
}
