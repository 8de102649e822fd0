import type { TimelineState } from "./chart.ts";

/** How a series’ line is told from the others without its colour: the gaps in it. */
export const dashes = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "9 3 2 3 2 3", "1 2"] as const;

// Okabe and Ito’s colours (jfly.uni-koeln.de/color), which colour-blind readers tell apart; darkened for white paper.
const light = ["#0062a3", "#b34700", "#00744f", "#9c4c7d", "#8a6a00", "#1f7ba6", "#5b3fa0", "#444a50"];
const dark = ["#62b5f5", "#ff9d5c", "#3ecfa0", "#eba0cb", "#e8c547", "#9bdcff", "#bda6ff", "#c3c9d0"];

/** How a state’s bar is drawn: its colour in both schemes, and what tells it from the others without the colour. */
export const stateLooks: Readonly<
  Record<TimelineState, { light: string; dark: string; height: number; outlined: boolean }>
> = {
  fault: { light: "#5c636b", dark: "#a0a7b0", height: 1, outlined: false },
  pending: { light: "#8a5a00", dark: "#f0c060", height: 1, outlined: true },
  firing: { light: "#b42318", dark: "#ff8a7a", height: 1, outlined: false },
  working: { light: "#0062a3", dark: "#62b5f5", height: 0.8, outlined: false },
  done: { light: "#00744f", dark: "#3ecfa0", height: 0.8, outlined: false },
  failed: { light: "#b42318", dark: "#ff8a7a", height: 0.8, outlined: true },
  quiet: { light: "#8b929a", dark: "#7b838c", height: 0.25, outlined: false },
};

function colours(scheme: "light" | "dark"): string {
  const series = (scheme === "light" ? light : dark).map((colour, index) => `--chart-${index}: ${colour};`);
  const states = Object.entries(stateLooks).map(([state, look]) => `--chart-${state}: ${look[scheme]};`);
  const paper =
    scheme === "light"
      ? "--chart-paper: #ffffff; --chart-ink: #1c1e21; --chart-dim: #5c636b; --chart-grid: #e3e6ea; --chart-band: #eef1f5;"
      : "--chart-paper: #15181c; --chart-ink: #e6e8eb; --chart-dim: #a0a7b0; --chart-grid: #2b3138; --chart-band: #22282f;";
  return [paper, ...series, ...states].join(" ");
}

const seriesRules = light
  .map((_, index) => `.chart .s${index} { stroke: var(--chart-${index}); fill: var(--chart-${index}); }`)
  .join("\n");
const stateRules = Object.entries(stateLooks)
  .map(([state, { outlined }]) =>
    outlined
      ? `.chart .${state} { fill: var(--chart-paper); stroke: var(--chart-${state}); stroke-width: 1.5; stroke-dasharray: 4 2; }`
      : `.chart .${state} { fill: var(--chart-${state}); stroke: var(--chart-${state}); }`,
  )
  .join("\n");

/**
 * The style that each chart carries, so that it looks the same as a file and within a page: light or dark as the
 * reader’s system is, light on paper. Its names begin with `chart`, so that it changes nothing else of a page.
 */
export const chartStyle = `.chart { ${colours("light")} }
@media screen and (prefers-color-scheme: dark) { .chart { ${colours("dark")} } }
.chart text { font: 12px system-ui, sans-serif; fill: var(--chart-ink); stroke: var(--chart-paper); stroke-width: 3; paint-order: stroke; }
.chart .paper { fill: var(--chart-paper); } .chart .heading { font-weight: 600; font-size: 14px; }
.chart .dim { fill: var(--chart-dim); font-size: 11px; }
.chart .grid { stroke: var(--chart-grid); } .chart .axis { stroke: var(--chart-dim); }
.chart .mark { stroke: var(--chart-ink); stroke-dasharray: 3 3; opacity: 0.7; } .chart .band { fill: var(--chart-band); }
${seriesRules}
.chart .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .chart .point { stroke: none; }
${stateRules}
.chart text.on { fill: var(--chart-paper); font-size: 11px; stroke: none; }
.chart text.on-outlined { font-size: 11px; stroke: none; fill: var(--chart-ink); stroke-dasharray: none; }`;

/** How many series have looks of their own; those after them share a colour and dash with an earlier one. */
export const seriesLooks: number = light.length;
