import { readdirSync, readFileSync } from "node:fs";
import { boards } from "../../catalog/boards.ts";
import { errorClasses } from "../../catalog/error-class.ts";
import { metrics } from "../../catalog/metrics.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { recordedSeries } from "../../catalog/recorded-series.ts";
import { redisRoles } from "../../catalog/roles.ts";
import { errorCodes } from "../../core/error-codes.ts";
import { modeTexts } from "../../runbooks/mode-texts.ts";
import { metricsNamedIn } from "../../runbooks/prose.ts";
import { foreignNames } from "./foreign-names.ts";

const wordsIn = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}_:.-]*[\p{L}\p{N}]/gu) ?? [];

/** Fewest words of a field; every other one needs four. */
const fewestWords: Readonly<Record<string, number>> = {
  title: 3,
  normal: 3,
  "remedy.within": 2,
  // An error's code, or a state, is all that is seen.
  "diagnosis.observed": 1,
  "remedy.instead": 6,
  "remedy.whenItFails": 6,
};

const where = (mode: DegradationMode) => `catalog/modes/${mode.id}.ts`;

/** Texts that are missing or too short to say anything, and lists that are empty. */
export function emptyGaps(modes: readonly DegradationMode[]): string[] {
  return modes.flatMap((mode) => {
    const { aggravators, diagnosis, scenarios } = mode;
    const lists = { aggravators, diagnosis, scenarios };
    const branches = diagnosis.flatMap((step) => step.branches);
    return [
      ...modeTexts(mode).flatMap(({ field, text }) => {
        const count = wordsIn(text).length;
        if (count === 0) return [`${mode.id}: ${field} is empty; fill it in ${where(mode)}`];
        if (count >= (fewestWords[field] ?? 4)) return [];
        return [`${mode.id}: ${field} says next to nothing ("${text}"); say more in ${where(mode)}`];
      }),
      ...Object.entries(lists)
        .filter(([, list]) => list.length === 0)
        .map(([field]) => `${mode.id}: ${field} is empty; fill it in ${where(mode)}`),
      ...(diagnosis.every((step) => step.branches.length > 0) &&
      branches.length >= (mode.nature === "heartbeat" ? 1 : 2)
        ? []
        : [`${mode.id}: diagnosis does not branch; add what else may be seen in ${where(mode)}`]),
    ];
  });
}

/** Words that stand where something is still to be said. */
const placeholders =
  /\b(?:to-?do|tbd|fixme|xxx+|lorem|planshows|execshows|see above|see below|as needed|as appropriate|if necessary|as required|investigate|etc|and so on|contact (?:the|your) team|check the logs|various reasons|should be fine|n\/a)\b/i;

/** In what a command prints: its own words may say “see below”. */
const shownPlaceholders = /\b(?:to-?do|tbd|fixme|xxx+|lorem|planshows|execshows)\b/i;

/** Texts with a placeholder, in what commands are to print as well. */
export function placeholderGaps(modes: readonly DegradationMode[]): string[] {
  return modes.flatMap((mode) => {
    const { remedy } = mode;
    const shown = [
      ...mode.diagnosis.flatMap(({ shows = [] }) => shows),
      ...(remedy.kind === "command" ? [...(remedy.planShows ?? []), ...(remedy.executeShows ?? [])] : []),
    ].map((text) => ({ field: "shows", text }));
    return [...modeTexts(mode), ...shown].flatMap(({ field, text }) => {
      const found = (field === "shows" ? shownPlaceholders : placeholders).exec(text)?.[0];
      return found === undefined
        ? []
        : [`${mode.id}: ${field} says "${found}"; say what exactly in ${where(mode)}`];
    });
  });
}

/** Fields that several modes may share word for word: they tell a fact of redisops, of the lab, or of a state. */
const mayBeShared = new Set(["remedy.rollback", "remedy.within", "diagnosis.observed", "drill.limits"]);

/** The same number for the same thing has the same reason: another one would be made up. */
function sameThreshold(field: string, a: DegradationMode, b: DegradationMode): boolean {
  const name = /^thresholds\.(.+)\.reason$/.exec(field)?.[1];
  return name !== undefined && name !== "for" && a.thresholds[name]?.value === b.thresholds[name]?.value;
}
/** Words in a row that are compared, and the share of them that makes two texts the same. */
const shingleWords = 3;
const largestOverlap = 0.6;

function shingles(text: string): Set<string> {
  const words = wordsIn(text);
  const count = words.length - shingleWords + 1;
  return new Set(
    Array.from({ length: Math.max(0, count) }, (_, at) => words.slice(at, at + shingleWords).join(" ")),
  );
}

/** Texts of two modes that are the same, or nearly. */
export function copyGaps(modes: readonly DegradationMode[]): string[] {
  const texts = modes.flatMap((mode) =>
    modeTexts(mode)
      .filter(({ field }) => !mayBeShared.has(field))
      .map(({ field, text }) => ({ mode, field, parts: shingles(text), text }))
      // "Run it again with --execute" can be said in one way only.
      .filter(({ field, parts }) => field !== "diagnosis.conclusion" || parts.size > 3),
  );
  const owners = new Map<string, number[]>();
  return texts.flatMap(({ mode, field, parts, text }, index) => {
    const shared = new Map<number, number>();
    for (const part of parts) {
      for (const other of owners.get(part) ?? []) shared.set(other, (shared.get(other) ?? 0) + 1);
      owners.set(part, [...(owners.get(part) ?? []), index]);
    }
    return [...shared].flatMap(([other, count]) => {
      const earlier = texts[other];
      if (earlier === undefined || earlier.mode === mode) return [];
      const overlap = count / Math.max(parts.size, earlier.parts.size);
      if (overlap < largestOverlap) return [];
      if (field === earlier.field && sameThreshold(field, mode, earlier.mode)) return [];
      const like = overlap === 1 ? "the same as" : "nearly the same as";
      return [
        `${mode.id}: ${field} is ${like} ${earlier.field} of ${earlier.mode.id} ("${text.slice(0, 60)}"); say in ${where(mode)} what is its own`,
      ];
    });
  });
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly definitions?: Readonly<Record<string, SchemaNode>>;
}

const schema = JSON.parse(
  readFileSync(new URL("../../docs/redisops.schema.json", import.meta.url), "utf8"),
) as SchemaNode;

/** Every way to go on from a node. */
function variants(node: SchemaNode): readonly SchemaNode[] {
  const reference = /^#\/(?:\$defs|definitions)\/(.+)$/.exec(node.$ref ?? "")?.[1];
  const target = reference === undefined ? undefined : { ...schema.definitions, ...schema.$defs }[reference];
  return [
    node,
    ...[...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(target === undefined ? [] : [target])].flatMap(
      variants,
    ),
  ];
}

function isConfigKey(path: string): boolean {
  const nodes = path.split(".").reduce<readonly SchemaNode[]>(
    (found, key) =>
      found.flatMap(variants).flatMap(({ properties, additionalProperties }) => {
        const own = properties?.[key];
        if (own !== undefined) return [own];
        return typeof additionalProperties === "object" ? [additionalProperties] : [];
      }),
    [schema],
  );
  return nodes.length > 0;
}

/** Names that redisops exports to applications. */
const exported = new Set(
  readFileSync(new URL("../../fallbacks/index.ts", import.meta.url), "utf8").match(
    /\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g,
  ),
);
/** The commands of the command line, by their first word. */
const topCommands = new Set(
  readdirSync(new URL("../../cli/commands", import.meta.url)).map((name) => name.replace(/\.ts$/, "")),
);
const states = new Set<string>(errorClasses);
const configWords = new Set(JSON.stringify(schema).match(/[a-z]+(?:_[a-z0-9]+)+/g));
const knownMetric = (name: string) =>
  name in metrics || name in recordedSeries || name.replace(/_(?:bucket|sum|count)$/, "") in metrics;
const labels = new Set(
  [...Object.values(metrics), ...Object.values(recordedSeries)].flatMap(
    (each) => [...each.labels] as string[],
  ),
);

/** What a text names that does not exist. */
function unknownNames(
  mode: DegradationMode,
  text: string,
  ids: ReadonlySet<string>,
  panels: ReadonlySet<string>,
) {
  const found = (pattern: RegExp) => [...text.matchAll(pattern)].map(([whole, group]) => group ?? whole);
  const own = new Set<string>([...Object.keys(mode.thresholds), ...redisRoles]);
  const series = found(/\bredisops[_:][a-z_:]*[a-z]/g);
  const keys = found(
    /\b(?:roles|postgres|providers|exporter|prometheus|alerting|grafana|thresholds)(?:\.\w+)+/g,
  );
  // The values in a metric's braces are the applications' own.
  const plain = text.replace(/\{[^}]*\}/g, "");
  const snakes = [...plain.matchAll(/(?<![.\w:])[a-z]+(?:_[a-z0-9]+)+(?![.\w:]*\()/g)].map(([name]) => name);
  return [
    ...series
      .filter((name) => !knownMetric(name) && !foreignNames.has(name))
      .map((name) => `the metric ${name}`),
    ...found(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g)
      .filter((name) => !ids.has(name) && !exported.has(name) && !foreignNames.has(name))
      .map((name) => `the mode ${name}`),
    ...found(/\b[A-Z]{2,}(?:_[A-Z]+)+\b/g)
      .filter((name) => !(name in errorCodes) && !foreignNames.has(name))
      .map((name) => `the error code ${name}`),
    ...keys
      .filter((key) => !isConfigKey(key) && !foreignNames.has(key))
      .map((key) => `the configuration key ${key}`),
    ...snakes
      .filter(
        (name) =>
          !name.startsWith("redisops_") &&
          !configWords.has(name) &&
          !labels.has(name) &&
          !states.has(name) &&
          !own.has(name) &&
          !foreignNames.has(name),
      )
      .map((name) => `${name}`),
    ...found(/\bredisops ([a-z-]+)(?= --|`)/g)
      .filter((name) => !topCommands.has(name))
      .map((name) => `the command redisops ${name}`),
    ...found(/\bpanel “([^”]+)”/g)
      .filter((title) => !panels.has(title))
      .map((title) => `the panel “${title}”`),
    ...found(/\bboard “([^”]+)”/g)
      .filter((title) => !(Object.values(boards) as string[]).includes(title))
      .map((title) => `the board “${title}”`),
  ];
}

/** Metrics, modes, error codes, configuration keys, panels and boards that texts name and that do not exist. */
export function nameGaps(modes: readonly DegradationMode[], panelTitles: ReadonlySet<string>): string[] {
  const ids = new Set(modes.map(({ id }) => id));
  return modes.flatMap((mode) =>
    modeTexts(mode).flatMap(({ field, text }) =>
      unknownNames(mode, text, ids, panelTitles).map(
        (name) => `${mode.id}: ${field} names ${name}, which there is not; correct it in ${where(mode)}`,
      ),
    ),
  );
}

/** A number, an amount in words, or a comparison: what a threshold can be argued with. */
const argument =
  /\d|\b(?:one|two|three|four|five|six|ten|half|twice|double|third|quarter|no|none|any|single|whole|every|all|minutes?|seconds?|hours?|days?|more|less|fewer|longer|shorter|above|below|over|under|than|before|outlasts?|instead of|at once|at most|at least)\b/i;

const namesMetric = (text: string) => metricsNamedIn(text).length > 0;

/** Modes of a Redis role that its topology has no part in, with why. */
const withoutTopology: Readonly<Record<string, string>> = {
  ProviderCapacityExhausted: "about the providers' accounts, wherever the buckets are",
  ProviderAccountBlocked: "about a provider's account, wherever its bucket is",
  NotificationsShedBudgetBurn: "about what providers and fallbacks let through together",
  RecoveryFailed: "about a run of redisops, whatever it worked on",
};

/** Statements without what makes them checkable: a metric, a figure, a topology, a drill, expected output. */
export function substanceGaps(modes: readonly DegradationMode[]): string[] {
  return modes.flatMap((mode) => {
    const { remedy, drill } = mode;
    const isRedis =
      (mode.role === "any" || redisRoles.some((role) => role === mode.role)) && !(mode.id in withoutTopology);
    const gap = (missing: boolean, what: string) =>
      missing ? [`${mode.id}: ${what} in ${where(mode)}`] : [];
    const empty = (lines: readonly string[] | undefined) => lines === undefined || lines.length === 0;
    const silent = mode.diagnosis.filter(({ shows }) => empty(shows));
    return [
      ...gap(!namesMetric(mode.normal), "normal names no metric; name it with its healthy value"),
      ...gap(!namesMetric(remedy.proof), "remedy.proof names no metric; name the one that moves"),
      ...Object.entries(mode.thresholds).flatMap(([name, { reason }]) =>
        gap(
          !argument.test(reason),
          `thresholds.${name}.reason has neither a figure nor a comparison; argue it`,
        ),
      ),
      ...gap(
        isRedis && Object.keys(mode.topologies ?? {}).length === 0,
        "topologies is empty; say what differs",
      ),
      ...gap(
        drill === undefined || (drill.kind === "lab" && drill.inject.length === 0),
        "there is no drill; add it",
      ),
      ...gap(
        drill?.kind === "lab" && silent.length > 0,
        "a diagnosis step shows no output; add what it prints",
      ),
      ...gap(
        remedy.kind === "command" && (empty(remedy.planShows) || empty(remedy.executeShows)),
        "the remedy shows no output; add what plan and run print",
      ),
    ];
  });
}
