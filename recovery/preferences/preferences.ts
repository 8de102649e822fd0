import { connectPostgres } from "../../core/postgres/connect.ts";
import { postgresPins, redisPins } from "../pins.ts";
import type { Pin, Recovery, RecoveryContext } from "../recovery.ts";
import { momentOf } from "./changes.ts";
import { executePreferences } from "./preferences-execute.ts";
import { type PreferencesDetails, planPreferences } from "./preferences-plan.ts";
import { verifyPreferences } from "./preferences-verify.ts";
import { ask, preferencesSetup, timeouts } from "./setup.ts";

/** Transaction ids only fall when Postgres is restored or fails over to a standby that lagged. */
async function pins({ config }: RecoveryContext<"preferences">): Promise<readonly Pin[]> {
  const { cache, postgres } = preferencesSetup(config);
  const database = await connectPostgres(postgres, timeouts);
  try {
    const { next } = await ask(database, momentOf);
    return [
      ...(await redisPins("preferences", cache)),
      ...(await postgresPins(postgres)),
      { of: "source", label: "next transaction of Postgres", value: next },
    ];
  } finally {
    await database.close();
  }
}

/** Deletes entries that are older than their rows, opt-outs first, then warms the cache by recency. */
export const preferences: Recovery<PreferencesDetails, "preferences"> = {
  name: "preferences",
  role: "preferences",
  needsPostgres: true,
  plan: planPreferences,
  pins,
  execute: executePreferences,
  verify: verifyPreferences,
};
