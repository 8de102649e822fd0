import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { PreferencesClient } from "../../../../fallbacks/preferences/preferences-client.ts";
import { createPreferences } from "../preferences-platform.ts";
import type { Subject } from "../subject.ts";

/** Its decision reads; a cache that refuses the repopulation only serves fewer hits. */
export const preferencesSubject: Subject = {
  role: "preferences",
  topologies: ["standalone", "sentinel", "cluster"],
  writes: false,
  keyOf: (n) => `prefs:user-${n}`,
  async open({ connection, guard, postgres }) {
    const database = await postgres();
    await createPreferences(database);
    const directory = await mkdtemp(join(tmpdir(), "redisops-exposures-"));
    const client = new PreferencesClient(connection, {
      ...guard,
      postgres: database,
      exposures: { directory },
      // The suite is about the cache: a busy machine must not turn a slow Postgres into a verdict.
      bulkhead: { deadlineMs: 10_000 },
      changes: { pollDeadlineMs: 10_000, vouchMs: 60_000 },
    });
    return {
      ready: (milliseconds) => client.ready(milliseconds),
      async decide(n) {
        const decision = await client.check({
          userId: `user-${n}`,
          channel: "sms",
          notificationId: `notification-${n}`,
        });
        expect(decision.optedIn).toBe(true);
        expect(decision.source).toBe(decision.degraded ? "postgres" : decision.source);
        return decision.degraded ? "degraded" : "normal";
      },
      async close() {
        await client.close();
        await rm(directory, { recursive: true, force: true });
      },
    };
  },
};
