import { performance } from "node:perf_hooks";
import type { SingleBar } from "cli-progress";
import { formatDuration } from "../core/duration.ts";
import type { Progress } from "../recovery/recovery.ts";
import { note } from "./output.ts";

/** Shows the progress of a run on stderr. */
export interface ProgressView {
  update(progress: Progress): void;
  end(): void;
}

/** Milliseconds between two lines where stderr is no terminal. */
const lineInterval = 2_000;

interface Phase {
  readonly name: string;
  readonly unit: string;
  readonly started: number;
  done: number;
}

function rate(phase: Phase): string {
  const seconds = (performance.now() - phase.started) / 1000;
  const perSecond = phase.done / Math.max(seconds, 0.001);
  return phase.unit === "bytes"
    ? `${(perSecond / 1_048_576).toFixed(0)} MiB/s`
    : `${Math.round(perSecond).toLocaleString("en-US")} ${phase.unit}/s`;
}

/** Milliseconds that the rest takes at the rate so far; undefined where that says nothing. */
function timeLeft({ done, total }: Progress, phase: Phase): number | undefined {
  if (total === undefined || done <= 0 || done >= total) return undefined;
  return ((performance.now() - phase.started) / done) * (total - done);
}

function amount(value: number, unit: string): string {
  return unit === "bytes"
    ? `${(value / 1_048_576).toFixed(1)} MiB`
    : `${value.toLocaleString("en-US")} ${unit}`;
}

function summary(phase: Phase): string {
  const elapsed = performance.now() - phase.started;
  return `${phase.name}: ${amount(phase.done, phase.unit)} in ${formatDuration(elapsed)} (${rate(phase)})`;
}

/** Follows the phases of a run: `show` at each update, a summary line when a phase ends. */
class PhaseView implements ProgressView {
  #phase: Phase | undefined;
  readonly #show: (progress: Progress, phase: Phase) => void;
  readonly #clear: () => void;
  readonly #summarise: (phase: Phase) => void;

  constructor(
    show: (progress: Progress, phase: Phase) => void,
    clear: () => void,
    summarise: (phase: Phase) => void,
  ) {
    this.#show = show;
    this.#clear = clear;
    this.#summarise = summarise;
  }

  update(progress: Progress): void {
    if (this.#phase?.name !== progress.phase) {
      this.end();
      this.#phase = { name: progress.phase, unit: progress.unit, started: performance.now(), done: 0 };
    }
    const phase = this.#phase;
    if (phase === undefined) return;
    phase.done = progress.done;
    this.#show(progress, phase);
  }

  end(): void {
    if (this.#phase === undefined) return;
    this.#clear();
    this.#summarise(this.#phase);
    this.#phase = undefined;
  }
}

async function terminalView(): Promise<ProgressView> {
  const { SingleBar } = await import("cli-progress");
  let bar: SingleBar | undefined;
  return new PhaseView(
    ({ phase, done, total }, state) => {
      if (bar === undefined) {
        bar = new SingleBar({
          stream: process.stderr,
          format: `  ${phase} [{bar}] {percentage}%  {rate}  ETA {eta_formatted}`,
          hideCursor: true,
          clearOnComplete: true,
        });
        bar.start(total ?? 0, done, { rate: rate(state) });
      }
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, { rate: rate(state) });
    },
    () => {
      bar?.stop();
      bar = undefined;
    },
    (phase) => note(`  ${summary(phase)}`),
  );
}

function lineView(): ProgressView {
  let last = performance.now();
  return new PhaseView(
    (progress, state) => {
      if (performance.now() - last < lineInterval) return;
      last = performance.now();
      const { phase, done, total, unit } = progress;
      const left = timeLeft(progress, state);
      const eta = left === undefined ? "" : `, ETA ${formatDuration(left)}`;
      const share = total === undefined || total === 0 ? "" : ` (${((done / total) * 100).toFixed(0)} %)`;
      note(`  ${phase}: ${amount(done, unit)}${share}, ${rate(state)}${eta}`);
    },
    () => undefined,
    (phase) => note(`  ${summary(phase)}`),
  );
}

function jsonView(): ProgressView {
  const write = (event: string, phase: Phase, total?: number) => {
    const { name, done, unit } = phase;
    const left = timeLeft({ phase: name, done, unit, ...(total === undefined ? {} : { total }) }, phase);
    const eta_seconds = left === undefined ? undefined : Math.ceil(left / 1000);
    note(JSON.stringify({ event, phase: name, done, total, unit, eta_seconds }));
  };
  let last = performance.now();
  return new PhaseView(
    ({ total }, phase) => {
      if (performance.now() - last < lineInterval) return;
      last = performance.now();
      write("progress", phase, total);
    },
    () => undefined,
    (phase) => write("phase_ended", phase),
  );
}

/** A bar on a terminal, lines elsewhere, JSON events with --json; always on stderr. */
export async function progressView(json: boolean): Promise<ProgressView> {
  if (json) return jsonView();
  return process.stderr.isTTY ? terminalView() : lineView();
}
