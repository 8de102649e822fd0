import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { boardProblems } from "../../lab/drills/board-check.ts";
import { holding } from "../../lab/drills/holding.ts";
import { labTarget } from "../../lab/drills/lab-target.ts";
import { isLong } from "../../lab/drills/long-drills.ts";
import { pageHooks } from "../../lab/drills/page-hooks.ts";
import { type Stage, startStage } from "../../lab/drills/stage.ts";
import { stageVersions } from "../../lab/drills/versions.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { drillName, drillsOf } from "../../operations/drills/drill.ts";
import type { DrillResult } from "../../operations/drills/drill-result.ts";
import { recordedSeconds } from "../../operations/drills/recorded.ts";
import { runDrills } from "../../operations/drills/run-drills.ts";
import { drillDigest, pageCommands, readVerified, verifiedFile } from "../../runbooks/verified.ts";
import { changeable } from "./leftovers.ts";

/** With it the run writes runbooks/verified.json instead of holding the pages against it. */
const record = process.env.REDISOPS_RECORD_RUNBOOKS === "1";
/** A part of a mode's id: only the drills of such modes are run. */
const only = process.env.REDISOPS_DRILL ?? "";
/** Without those that take long, as `make test` does. */
const short = process.env.REDISOPS_DRILLS_SHORT === "1";
const progress = process.env.REDISOPS_DRILL_PROGRESS === "1";

/** The order of the drills in each lane. */
const seed = 1;

/** All drills together, on a machine with two cores that runs other tests beside them. */
const patience = 900_000;

const asked = drillsOf(modes).filter((drill) => drill.modes.some(({ id }) => id.includes(only)));
const drills = short ? asked.filter((drill) => !isLong(drill)) : asked;
const reports = new Map(drills.map((drill) => [drillName(drill), Promise.withResolvers<DrillResult>()]));

// A failure is told by the test that asks for the report.
for (const { promise } of reports.values()) promise.catch(() => undefined);

let workspace: Workspace;
let stage: Stage;
let before: Awaited<ReturnType<typeof changeable>>;

/** Whether a problem is this mode's, or the whole drill's. */
const concernsMode = (problem: string, id: string): boolean => {
  const named = modes.find((mode) => problem.startsWith(`${mode.id}: `));
  return named === undefined || named.id === id;
};

/** The lab is quiet: every metric is there, and no mode but the heartbeat's holds. */
async function untilHealthy(): Promise<void> {
  const others = modes.filter(({ nature }) => nature !== "heartbeat");
  let held: readonly string[] = [];
  await waitUntil(
    async () => {
      held = (await holding(stage, { inject: [], modes: others })).map(({ id }) => id);
      return held.length === 0;
    },
    { what: "a lab on which no mode holds", deadlineMs: 120_000, intervalMs: 1_000 },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${held.join(", ")} held`);
  });
}

beforeAll(async () => {
  workspace = await createWorkspace("drills");
  stage = await startStage(
    workspace,
    progress ? (line) => process.stderr.write(`${line}\n`) : () => undefined,
  );
  before = await changeable(stage);
}, patience);

afterAll(async () => {
  for (const member of stage?.platform.members ?? []) await member.kill();
  await workspace?.close();
}, patience);

describe("the healthy lab", () => {
  test("no mode’s condition holds", () => untilHealthy(), patience);

  test(
    "every panel that always has data has it, and no query fails",
    async () => {
      // What is known to be sent is looked up when it is a minute old; the drills need not wait for that.
      const problems = await boardProblems(stage, ({ expression }) => expression.includes("canary_absent"));
      expect(problems).toEqual([]);
    },
    patience,
  );
});

describe("every mode, brought about on the lab", () => {
  beforeAll(() => {
    // Pages show what status says without a drill: it names one that is announced.
    const { announce: _, ...target } = labTarget(stage, "drills");
    void runDrills(target, {
      drills,
      seed,
      journalFolder: join(workspace.dir, "journals"),
      hooks: pageHooks(stage),
      onResult(result) {
        if (progress) {
          const { drill, seconds, problems } = result;
          process.stderr.write(`${[drill, JSON.stringify(seconds), ...problems].join("\n")}\n`);
        }
        reports.get(result.drill)?.resolve(result);
      },
    }).catch((error: unknown) => {
      for (const { reject } of reports.values()) reject(error);
    });
  });

  for (const drill of drills) {
    describe(drillName(drill), () => {
      for (const { id } of drill.modes) {
        test(
          id,
          async () => {
            const report = await reports.get(drillName(drill))?.promise;
            const problems = (report?.problems ?? ["it was not run"]).filter((problem) =>
              concernsMode(problem, id),
            );
            expect(problems, `\n${problems.join("\n\n")}\n`).toEqual([]);
          },
          patience,
        );
      }
    });
  }

  test(
    "afterwards all is well again, and nothing is left of the faults",
    async () => {
      await Promise.all([...reports.values()].map(({ promise }) => promise));
      await untilHealthy();
      expect(await boardProblems(stage)).toEqual([]);
      expect(stage.faults.active).toEqual([]);
      expect(await changeable(stage)).toEqual(before);
    },
    patience,
  );
});

describe("what was verified is what the pages say", () => {
  const drilled = asked.flatMap((drill) => drill.modes);

  const recorded = () => {
    const pages = readVerified();
    return drilled.filter((mode) => pages[mode.id]?.digest === drillDigest(mode)).map(({ id }) => id);
  };

  /** Records the pages whose drill found nothing wrong. */
  async function recordPages(): Promise<void> {
    const found = await Promise.all([...reports.values()].map(({ promise }) => promise));
    const good = new Set(found.flatMap((result) => (result.passed ? result.modes : [])));
    const versions = await stageVersions(stage);
    const measured = (mode: DegradationMode) => {
      const result = found.find(({ modes: own }) => own.includes(mode.id));
      return result === undefined ? {} : { seconds: recordedSeconds(result, mode) };
    };
    const kept = only === "" ? {} : readVerified();
    const fresh = Object.fromEntries(
      drilled
        .filter(({ id }) => good.has(id))
        .map((mode) => [
          mode.id,
          {
            commands: pageCommands(mode).length,
            digest: drillDigest(mode),
            ...measured(mode),
            versions,
          },
        ]),
    );
    const file = fileURLToPath(new URL("../../runbooks/verified.json", import.meta.url));
    writeFileSync(file, verifiedFile({ ...kept, ...fresh }));
  }

  test(
    "runbooks/verified.json has every page as it is",
    async () => {
      if (record) await recordPages();
      expect(recorded(), "npm run test:runbooks -- --record writes the record anew").toEqual(
        drilled.map(({ id }) => id),
      );
    },
    patience,
  );
});

test("every mode has a drill", () => {
  expect(modes.filter(({ drill }) => drill.kind !== "lab").map(({ id }) => id)).toEqual([]);
});
