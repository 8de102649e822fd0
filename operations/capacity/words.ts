import { formatDuration } from "../../core/duration.ts";
import type { Row, Unit } from "./failure.ts";
import type { FigureName } from "./figures.ts";
import { figureDefinition } from "./figures.ts";

const magnitudes = [
  [1e12, " trillion"],
  [1e9, " billion"],
  [1e6, " million"],
] as const;

/** A number with three or four significant digits: `12`, `0.4`, `45,453`, `4.9 billion`. */
export function numberWords(value: number): string {
  for (const [size, word] of magnitudes) {
    if (value >= size) return `${Number((value / size).toPrecision(3))}${word}`;
  }
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 3;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

function bytes(value: number): string {
  for (const [size, word] of [
    [2 ** 40, "TiB"],
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
  ] as const) {
    if (value >= size) return `${Number((value / size).toPrecision(3))} ${word}`;
  }
  return `${numberWords(value / 1024)} KiB`;
}

/** A span for a reader: `1.0 ms`, `0.8 s`, `3 min 20 s`, `4 d 4 h`. */
function span(seconds: number): string {
  if (seconds < 0.1 && seconds > 0) return `${Number((seconds * 1_000).toPrecision(2))} ms`;
  if (seconds < 2 * 86_400) return formatDuration(seconds * 1_000);
  return `${numberWords(Math.floor(seconds / 86_400))} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

const ratio = (value: number) => `${Number((value * 100).toPrecision(3))} %`;

const unitWords: Readonly<Record<Unit, (value: number) => string>> = {
  "per second": (value) => `${numberWords(value)}/s`,
  "per minute": (value) => `${numberWords(value)}/min`,
  ratio,
  seconds: span,
  count: numberWords,
  times: (value) => `${numberWords(value)} times`,
  bytes,
};

/** A row's value by formula, such as `at least 99 %`; `-` where the formula has none. */
export function valueWords({ value, unit, bound }: Row): string {
  if (value === null) return "-";
  return `${bound === undefined ? "" : `${bound} `}${unitWords[unit](value)}`;
}

/** A row's simulated value; `-` where it was not simulated. */
export function simulatedWords({ simulated, unit }: Row): string {
  if (simulated === undefined) return "-";
  return simulated === null ? "no end" : unitWords[unit](simulated);
}

/** A figure's value with its unit. */
export function figureWords(name: FigureName, value: number): string {
  return unitWords[figureDefinition(name).unit](value);
}
