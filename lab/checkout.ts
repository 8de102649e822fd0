import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this checkout. */
export const checkout = fileURLToPath(new URL("../", import.meta.url));

/** The command line of redisops, run from this checkout. */
export const redisopsCommand = [process.execPath, join(checkout, "bin", "redisops.js")] as const;
