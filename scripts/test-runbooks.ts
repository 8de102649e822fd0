/** `npm run test:runbooks -- [mode] [--record]`: causes the modes on the lab and holds their pages against it. */
import { spawnSync } from "node:child_process";

const words = process.argv.slice(2);
const [mode = "", ...others] = words.filter((word) => word !== "--record");
if (others.length > 0 || mode.startsWith("-")) {
  process.stderr.write("Usage: npm run test:runbooks -- [part of a mode's name] [--record]\n");
  process.exit(64);
}
const { status } = spawnSync("vitest", ["run", "--project", "drills"], {
  stdio: "inherit",
  env: {
    ...process.env,
    REDISOPS_DRILL: mode,
    ...(words.includes("--record") && { REDISOPS_RECORD_RUNBOOKS: "1" }),
  },
});
process.exitCode = status ?? 1;
