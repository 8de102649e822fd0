import { metrics } from "../../catalog/metrics.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { recordedSeries } from "../../catalog/recorded-series.ts";
import { slos } from "../../catalog/slos.ts";
import { type Verified, type VerifiedPages, verifiedState } from "../../runbooks/verified.ts";
import type { CommittedFiles } from "./committed-files.ts";

/** Fewest moments at which an alert's tests have to say what fires. */
const fewestAssertions = 4;

/** What a mode is held against. */
export interface MatrixSources {
  readonly files: CommittedFiles;
  /** Names of the recoveries. */
  readonly recoveries: readonly string[];
  /** Names of the lab's faults; undefined in the published package, which has no lab. */
  readonly faults: readonly string[] | undefined;
  readonly verified: VerifiedPages;
}

/** All that a mode has, and what it lacks. */
export interface MatrixRow {
  readonly mode: string;
  readonly role: string;
  readonly severity: string;
  readonly metrics: readonly string[];
  readonly panels: readonly string[];
  readonly boards: readonly string[];
  /** Severities of its alert rules. */
  readonly alert: readonly string[];
  readonly alertTests: { readonly scenarios: number; readonly assertions: number };
  readonly runbook: string | null;
  readonly recovery: { readonly command: string | null; readonly reason: string | null };
  readonly drill: { readonly inject: readonly string[]; readonly reason: string | null };
  readonly verified: {
    readonly state: ReturnType<typeof verifiedState> | "no_drill";
    readonly commands?: number | undefined;
    readonly versions?: Verified["versions"] | undefined;
  };
  /** What is missing, with what to do about it. */
  readonly gaps: readonly Gap[];
}

/** The columns in which something can be missing. */
export type Column =
  | "metrics"
  | "panels"
  | "alert"
  | "alertTests"
  | "runbook"
  | "recovery"
  | "drill"
  | "verified";

/** Something that is missing. */
export interface Gap {
  readonly column: Column;
  readonly what: string;
}

/** The metrics and recorded series that a mode's signal reads. */
function signalSeries({ signal }: DegradationMode): string[] {
  const read = signal.kind === "burn-rate" ? slos[signal.slo] : signal;
  const { reason: _, ...own } = { reason: "", ...read };
  return [...new Set(JSON.stringify(own).match(/\bredisops[_:][a-z_:]*[a-z]|\bup(?=\{)/g) ?? [])].sort();
}

/** A histogram's series are its name with these endings. */
const known = (name: string) =>
  name === "up" ||
  name in metrics ||
  name in recordedSeries ||
  name.replace(/_(?:bucket|sum|count)$/, "") in metrics;

function gapsOf(mode: DegradationMode, row: Omit<MatrixRow, "gaps">, sources: MatrixSources): Gap[] {
  const gaps: Gap[] = [];
  const gap = (column: Column, what: string) => gaps.push({ column, what });
  const edit = `catalog/modes/${mode.id}.ts`;
  if (row.metrics.length === 0 && mode.nature !== "heartbeat")
    gap("metrics", `its signal reads no metric (${edit})`);
  for (const name of row.metrics.filter((each) => !known(each)))
    gap("metrics", `${name} is not in the metric contract (${edit})`);
  if (row.panels.length === 0) gap("panels", `no panel shows it; name one under panels in ${edit}`);
  for (const panel of row.panels)
    if (sources.files.boardsOf(panel).length === 0)
      gap("panels", `the panel ${panel} is on no board in dashboards/dist`);
  if (row.alert.length === 0) gap("alert", "no alert in alerts/rules; run npm run generate");
  const { assertions } = row.alertTests;
  if (assertions < fewestAssertions)
    gap("alertTests", `${assertions} of at least ${fewestAssertions} assertions; add scenarios to ${edit}`);
  if (row.runbook === null) gap("runbook", "no page in runbooks/; run npm run generate");
  const recovery = /^redisops recover (\S+)/.exec(row.recovery.command ?? "")?.[1];
  if (row.recovery.command === null && !row.recovery.reason)
    gap("recovery", `neither a command nor a reason why there is none (${edit})`);
  if (row.recovery.command !== null && !sources.recoveries.includes(recovery ?? ""))
    gap("recovery", `${row.recovery.command} is no recovery (${edit})`);
  if (row.drill.inject.length === 0 && !row.drill.reason)
    gap("drill", `neither a drill nor a reason why there is none (${edit})`);
  for (const fault of row.drill.inject.map((words) => words.split(" ")[0] ?? ""))
    if (sources.faults !== undefined && !sources.faults.includes(fault))
      gap("drill", `the lab has no fault ${fault} (${edit})`);
  if (row.verified.state === "never" || row.verified.state === "changed")
    gap(
      "verified",
      row.verified.state === "never"
        ? "the page’s commands were never run on the lab; npm run test:runbooks -- --record does"
        : "the page was changed after its commands were run on the lab; npm run test:runbooks -- --record runs them again",
    );
  return gaps;
}

/** Holds a mode against the files and the lab. */
export function matrixRow(mode: DegradationMode, sources: MatrixSources): MatrixRow {
  const { files } = sources;
  const { remedy, drill } = mode;
  const record = sources.verified[mode.id];
  const page = files.pages.get(mode.id);
  const state = verifiedState(mode, record);
  const row = {
    mode: mode.id,
    role: mode.role,
    severity: mode.severity,
    metrics: signalSeries(mode),
    panels: mode.panels,
    boards: [...new Set(mode.panels.flatMap((panel) => files.boardsOf(panel)))],
    alert: files.alerts.get(mode.id) ?? [],
    alertTests: {
      scenarios: mode.scenarios.length,
      assertions: mode.scenarios.reduce((sum, { expect }) => sum + expect.length, 0),
    },
    runbook: page?.includes(`\n# ${mode.id}: ${mode.title}\n`) ? `runbooks/${mode.id}.md` : null,
    recovery:
      remedy.kind === "command"
        ? { command: remedy.command, reason: null }
        : { command: null, reason: remedy.reason },
    drill:
      drill?.kind === "lab"
        ? { inject: drill.inject, reason: null }
        : { inject: [], reason: drill?.reason ?? null },
    verified: {
      state: state === "never" && drill?.kind === "none" ? ("no_drill" as const) : state,
      ...record,
    },
  };
  return { ...row, gaps: gapsOf(mode, row, sources) };
}

/** Faults of the lab that bring no mode about, with what they are for. */
const faultsWithoutMode: Readonly<Record<string, string>> = {
  heal: "undoes the others",
  restart: "a planned restart, which every alert has to outlast",
  failover: "a planned failover, which every alert has to outlast",
  "kafka-down": "Kafka is no Redis role: lookups go on from the registry",
};

/** What exists and belongs to no mode: the other direction. */
export function withoutMode(modes: readonly DegradationMode[], sources: MatrixSources): string[] {
  const ids = new Set(modes.map(({ id }) => id));
  const missing = (names: Iterable<string>) => [...names].filter((name) => !ids.has(name));
  const used = new Set(
    modes.flatMap(({ remedy }) =>
      remedy.kind === "command" ? [/^redisops recover (\S+)/.exec(remedy.command)?.[1] ?? ""] : [],
    ),
  );
  const injected = new Set(
    modes.flatMap(({ drill }) =>
      drill?.kind === "lab" ? drill.inject.map((words) => words.split(" ")[0]) : [],
    ),
  );
  return [
    ...missing(sources.files.alerts.keys()).map((name) => `the alert ${name} belongs to no mode`),
    ...missing(sources.files.pages.keys()).map((name) => `the page runbooks/${name}.md belongs to no mode`),
    ...missing(Object.keys(sources.verified)).map(
      (name) => `runbooks/verified.json has ${name}, which is no mode`,
    ),
    ...sources.recoveries
      .filter((name) => !used.has(name))
      .map((name) => `no mode’s remedy leads to redisops recover ${name}`),
    ...(sources.faults ?? [])
      .filter((fault) => !(fault in faultsWithoutMode) && !injected.has(fault))
      .map((fault) => `no mode’s drill uses the lab’s fault ${fault}`),
  ];
}
