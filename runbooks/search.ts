import type { DegradationMode } from "../catalog/mode.ts";
import { slos } from "../catalog/slos.ts";
import { type ModeText, modeTexts } from "./mode-texts.ts";

/** A mode that a search found, best first. */
export interface FoundMode {
  readonly mode: DegradationMode;
  readonly score: number;
  /** The words that it mentions. */
  readonly words: readonly string[];
  /** The place that fits best. */
  readonly best: ModeText;
}

/** How much a word counts by where it stands; everything else counts 1. */
const weights: Readonly<Record<string, number>> = {
  id: 12,
  title: 8,
  role: 4,
  signal: 5,
  "remedy.command": 5,
  summary: 3,
};

/** Everything of a mode that is searched: its sentences, its commands, what they print, and the metrics of its signal. */
export function searchedTexts(mode: DegradationMode): ModeText[] {
  const { signal, remedy } = mode;
  const series = signal.kind === "burn-rate" ? [signal, slos[signal.slo]] : [signal];
  return [
    { field: "id", text: `${mode.id} ${mode.id.replace(/([a-z])([A-Z])/g, "$1 $2")}` },
    { field: "role", text: mode.role },
    // The example has the alert's words with figures in place of templates.
    ...modeTexts(mode).filter(({ field }) => field !== "summary" && field !== "description"),
    { field: "summary", text: mode.example.summary },
    { field: "description", text: mode.example.description },
    { field: "signal", text: (JSON.stringify(series).match(/redisops[_:][a-z_:]+/g) ?? []).join(" ") },
    ...(remedy.kind === "command" ? [{ field: "remedy.command", text: remedy.command }] : []),
    ...mode.diagnosis.flatMap(({ command, shows = [] }) => [
      { field: "diagnosis.command", text: command },
      ...shows.map((text) => ({ field: "diagnosis.shows", text })),
    ]),
    { field: "panels", text: mode.panels.join(" ") },
  ];
}

/** Whether a text has a word that begins like the given one, whatever their case. `_` and `.` end a word. */
function mentions(text: string, word: string): boolean {
  const lower = text.toLowerCase();
  for (let at = lower.indexOf(word); at !== -1; at = lower.indexOf(word, at + 1)) {
    if (at === 0 || !/[a-z0-9]/.test(lower[at - 1] ?? "")) return true;
  }
  return false;
}

/** Splits what was asked for into words. A name such as `redisops_role_up` stays whole. */
export function searchWords(query: string): string[] {
  return [...new Set(query.toLowerCase().split(/[\s,;“”"'{}()=]+/))].filter((word) => /[a-z0-9]/.test(word));
}

interface Searched {
  readonly mode: DegradationMode;
  readonly texts: readonly ModeText[];
}

/** Where a mode mentions a word; the weightiest place first. */
function places({ texts }: Searched, word: string): ModeText[] {
  const weight = ({ field }: ModeText) => weights[field] ?? 1;
  return texts.filter(({ text }) => mentions(text, word)).sort((a, b) => weight(b) - weight(a));
}

/**
 * Modes that mention the words, best first: those with more of the words before those with fewer, then by where the
 * words stand and by how few other modes mention them.
 */
export function searchModes(modes: readonly DegradationMode[], query: string): FoundMode[] {
  const words = searchWords(query);
  const searched = modes.map((mode): Searched => ({ mode, texts: searchedTexts(mode) }));
  const hits = words.map((word) => searched.map((each) => places(each, word)));
  const rarity = hits.map((ofModes) => {
    const mentioning = ofModes.filter((found) => found.length > 0).length;
    return 1 + Math.log(modes.length / Math.max(1, mentioning));
  });
  return searched
    .flatMap(({ mode }, index): FoundMode[] => {
      const found = words.flatMap((word, at) => {
        const own = hits[at]?.[index] ?? [];
        const [best] = own;
        if (best === undefined) return [];
        // A word that is said often is what the page is about, but one strong place counts more than many weak ones.
        const score = ((weights[best.field] ?? 1) + Math.log(own.length)) * (rarity[at] ?? 1);
        return [{ word, best, score }];
      });
      const [first] = found.toSorted((a, b) => b.score - a.score);
      if (first === undefined) return [];
      const score = found.reduce((sum, each) => sum + each.score, 0);
      return [{ mode, score, words: found.map(({ word }) => word), best: first.best }];
    })
    .sort((a, b) => b.words.length - a.words.length || b.score - a.score);
}
