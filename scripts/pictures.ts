/** `node scripts/pictures.ts`: draws docs/pictures from two drills on a lab that is started for it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { modes } from "../catalog/modes.ts";
import type { ChartBand } from "../core/chart/chart.ts";
import { activeAlerts, type QueryRange, rangeQuery } from "../core/prometheus.ts";
import { boardSpecs } from "../dashboards/boards.ts";
import type { BoardSpec, DataPanel } from "../dashboards/panel.ts";
import { filledIn } from "../dashboards/queries.ts";
import { labTarget } from "../lab/drills/lab-target.ts";
import { type Stage, startStage } from "../lab/drills/stage.ts";
import { waitUntil } from "../lab/wait.ts";
import { createWorkspace } from "../lab/workspace.ts";
import { drillsOf } from "../operations/drills/drill.ts";
import type { DrillResult } from "../operations/drills/drill-result.ts";
import { drillPlot } from "../operations/drills/report/plot.ts";
import { runDrills } from "../operations/drills/run-drills.ts";
import { boardPicture } from "./pictures/board-picture.ts";
import type { AnsweredQuery } from "./pictures/panel-picture.ts";

/** The drills: the filter's servers are away, and then come back empty. */
const drilled = ["DedupSkipped", "BloomCold"];

/** Which boards are drawn, and which of their rows. */
const boards = [
  {
    uid: "redisops-overview",
    title: "Board redisops / Overview while the deduplication filter is away, and later comes back empty",
    file: "overview.svg",
    rows: ["overview:modes", "overview:felt", "overview:doing", "overview:up", "overview:stores"],
  },
  {
    uid: "redisops-dedup",
    title: "Board redisops / Deduplication filter, the same minutes",
    file: "dedup.svg",
    rows: ["dedup:now", "dedup:felt", "dedup:up", "dedup:filter"],
  },
];

const out = fileURLToPath(new URL("../docs/pictures", import.meta.url));
/** Seconds between two points, and what `$__rate_interval` stands for: ten scrapes of the lab. */
const step = 3;
const rateInterval = "20s";
/** Milliseconds until rates have enough scrapes; what is shown before and after; the longest waits. */
const warmUp = 40_000;
const calm = 20_000;
const patience = 300_000;
const queryDeadline = 30_000;

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Waits until no alert fires but the heartbeat, which says that Prometheus evaluates its rules. */
async function quiet({ prometheus }: Stage): Promise<void> {
  const isQuiet = async () => {
    const alerts = await activeAlerts(prometheus, queryDeadline);
    return (
      alerts
        .filter(({ state }) => state === "firing")
        .map(({ labels }) => labels.alertname)
        .join() === "Watchdog"
    );
  };
  await waitUntil(isQuiet, {
    what: "a lab on which no alert fires",
    deadlineMs: patience,
    intervalMs: 1_000,
  });
}

function save(file: string, svg: string): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, file), svg);
  say(`docs/pictures/${file}: ${Math.round(svg.length / 1_024)} KiB`);
}

/** Runs a mode's drill, and draws it if it passed. */
async function drill(stage: Stage, mode: string, journalFolder: string): Promise<DrillResult> {
  const target = labTarget(stage, "lab");
  const drills = drillsOf(modes).filter((each) => each.modes.some(({ id }) => id === mode));
  const { drills: results } = await runDrills(target, { drills, seed: 1, journalFolder });
  const [result] = results;
  if (result === undefined) throw new Error(`there is no drill of ${mode}`);
  for (const problem of result.problems) say(`${mode}: ${problem}`);
  if (result.passed) save(`drill-${mode}.svg`, drillPlot(result));
  return result;
}

/** From the fault to its end, in minutes since the beginning of the picture. */
function bandOf({ modes: [label = ""], startedAt, events }: DrillResult, from: number): ChartBand {
  const minutes = (at: number) => (Date.parse(startedAt) + at - from * 1_000) / 60_000;
  const of = (phase: string) => events.find((event) => event.phase === phase)?.at ?? 0;
  return { from: minutes(of("fault")), to: minutes(of("resolved")), label };
}

async function answersOf(
  { prometheus }: Stage,
  board: BoardSpec,
  rows: readonly string[],
  stretch: QueryRange,
): Promise<ReadonlyMap<DataPanel, readonly AnsweredQuery[]>> {
  const panels = board.rows.filter(({ id }) => rows.includes(id)).flatMap((row) => row.panels);
  const answers = new Map<DataPanel, readonly AnsweredQuery[]>();
  for (const panel of panels) {
    if (panel.kind === "text") continue;
    const asked = panel.queries.map(async (query) => ({
      query,
      series: await rangeQuery(prometheus, filledIn(query.expression, rateInterval), stretch, queryDeadline),
    }));
    answers.set(panel, await Promise.all(asked));
  }
  return answers;
}

async function draw(stage: Stage, journalFolder: string): Promise<void> {
  await quiet(stage);
  await delay(warmUp);
  const from = Date.now() / 1_000;
  await delay(calm);
  const results: DrillResult[] = [];
  for (const mode of drilled) {
    results.push(await drill(stage, mode, journalFolder));
    await quiet(stage);
    await delay(calm);
  }
  const stretch = { from, to: Date.now() / 1_000, step };
  const bands = results.map((result) => bandOf(result, from));
  for (const { uid, title, file, rows } of boards) {
    const board = boardSpecs({}).find((each) => each.uid === uid);
    if (board === undefined) throw new Error(`there is no board ${uid}`);
    const answers = await answersOf(stage, board, rows, stretch);
    save(
      file,
      boardPicture({ board, title, rows, answers: (panel) => answers.get(panel) ?? [], stretch, bands }),
    );
  }
}

const workspace = await createWorkspace("pictures");
let stage: Stage | undefined;
try {
  stage = await startStage(workspace, say);
  await draw(stage, await workspace.folder("journals"));
} finally {
  for (const member of stage?.platform.members ?? []) await member.kill();
  await workspace.close();
}
