/**
 * `npm run test:chaos`: kills the processes of every recovery at random moments, and breaks what they work with in the
 * middle. REDISOPS_CHAOS_KILLS says how many are killed over all recoveries (200), REDISOPS_CHAOS_SEED repeats the draws
 * of an earlier run; further words go to vitest, such as a part of a file's name.
 */
import { spawnSync } from "node:child_process";
import { chaosPlan } from "../test/chaos/plan.ts";

const { seed, killsEach } = chaosPlan();
const say = `REDISOPS_CHAOS_SEED=${seed}: ${killsEach} kills in each recovery\n`;
process.stdout.write(say);
const { status } = spawnSync("vitest", ["run", "--project", "chaos", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, REDISOPS_CHAOS_SEED: String(seed) },
});
process.stdout.write(say);
process.exitCode = status ?? 1;
