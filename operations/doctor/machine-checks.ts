import { constants, existsSync } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { requireSecrets } from "../../core/config/effective.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf, toRedisopsError } from "../../core/errors.ts";
import { stateFolder } from "../../recovery/run/journal.ts";
import { type Check, checked } from "./check.ts";

/** Whether every secret that the configuration refers to can be read. `path` is the configuration's, for messages. */
export function secretsCheck(config: Config, path: string): Check {
  try {
    requireSecrets(config, path);
    return checked("secrets", "ok", "all can be read");
  } catch (error) {
    const { message, next } = toRedisopsError(error);
    // The first line counts them.
    const [, ...each] = message.split("\n").map((line) => line.trim());
    return checked("secrets", "failed", `cannot be read: ${each.join("; ") || message}`, next);
  }
}

/** The folder itself, or the nearest one above it that is there. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** Whether journals can be written, or their folder be made. */
export async function stateFolderCheck(config: Config): Promise<Check> {
  const id = "state_dir";
  const folder = resolve(stateFolder(config));
  const there = nearest(folder);
  try {
    if (!(await stat(there)).isDirectory()) throw new Error(`${there} is no folder`);
    await access(there, constants.W_OK | constants.X_OK);
    return checked(id, "ok", there === folder ? `${folder} can be written` : `${folder} can be made`);
  } catch (error) {
    return checked(
      id,
      "failed",
      `${folder} cannot be written (${messageOf(error)}): no recovery begins without its journal`,
      "state_dir: /var/lib/redisops   # in redisops.yaml, a folder that this user may write",
    );
  }
}
