import { shortNumber } from "../../core/chart/line-panel.ts";

const seconds = (value: number) => {
  if (value === 0) return "0";
  if (Math.abs(value) < 1) return `${shortNumber(value * 1_000)} ms`;
  return Math.abs(value) < 120 ? `${shortNumber(value)} s` : `${shortNumber(Math.round(value / 60))} min`;
};

const bytes = (value: number) => {
  const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = value < 1 ? 0 : Math.min(steps.length - 1, Math.floor(Math.log2(Math.abs(value)) / 10));
  return `${shortNumber(Number((value / 1_024 ** step).toPrecision(3)))} ${steps[step]}`;
};

const perSecond = (value: number) => `${shortNumber(value)}/s`;

/** By Grafana's names of units; any other is a plain number. */
const units: Readonly<Record<string, (value: number) => string>> = {
  percentunit: (value) => `${shortNumber(Number((value * 100).toPrecision(4)))} %`,
  s: seconds,
  bytes,
  cps: perSecond,
  ops: perSecond,
  reqps: perSecond,
};

/** How values of a unit of Grafana are written on an axis. */
export function writtenIn(unit: string): (value: number) => string {
  return units[unit] ?? shortNumber;
}
