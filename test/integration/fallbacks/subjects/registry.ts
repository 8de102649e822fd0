import { expect } from "vitest";
import { pendingDeliveriesDdl } from "../../../../core/pending-deliveries/table.ts";
import { GuardedPostgres } from "../../../../fallbacks/guard/guarded-postgres.ts";
import { MessageRouter } from "../../../../fallbacks/registry/message-router.ts";
import { RegistryClient } from "../../../../fallbacks/registry/registry-client.ts";
import type { Subject } from "../subject.ts";

/** Nobody is connected, so every message waits: because its recipient is offline, or because the registry is silent. */
export const registrySubject: Subject = {
  role: "registry",
  topologies: ["standalone", "sentinel", "cluster"],
  writes: false,
  keyOf: (n) => `conn:user-${n}`,
  async open({ connection, guard, postgres }) {
    const location = await postgres();
    const admin = new GuardedPostgres(location, { deadlineMs: 30_000 });
    await admin.query(pendingDeliveriesDdl(), []);
    await admin.close();
    const registry = new RegistryClient(connection, guard);
    const router = new MessageRouter(registry, location, async () => true, {
      deadlineMs: 30_000,
      metrics: guard.metrics,
    });
    let sent = 0;
    return {
      ready: (milliseconds) => registry.ready(milliseconds),
      async decide(n) {
        sent += 1;
        const message = { messageId: `${sent}`, userId: `user-${n}`, conversationId: "c", body: "hello" };
        const result = await router.route(message);
        if (result.outcome === "delivered") return expect.fail("nobody is connected");
        expect(result.duplicate).toBe(false);
        expect(["offline", "registry_unavailable"]).toContain(result.reason);
        return result.reason === "offline" ? "normal" : "degraded";
      },
      async close() {
        registry.close();
        await router.close();
      },
    };
  },
};
