/**
 * `npm run test:runbooks`: brings every mode about on the lab and holds its runbook page and its panels against what is there.
 * `-- --record` writes runbooks/verified.json, `-- --only <part of a mode's id>` runs some of the drills, `-- --progress` says
 * what goes on.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { record: { type: "boolean" }, only: { type: "string" }, progress: { type: "boolean" } },
});

const { status } = spawnSync(
  "vitest",
  ["run", "--project", "integration", "test/integration/drills.test.ts"],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      ...(values.record === true && { REDISOPS_RECORD_RUNBOOKS: "1" }),
      ...(values.only !== undefined && { REDISOPS_DRILL: values.only }),
      ...(values.progress === true && { REDISOPS_DRILL_PROGRESS: "1" }),
    },
  },
);
process.exitCode = status ?? 1;
