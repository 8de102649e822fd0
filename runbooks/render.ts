import { boards } from "../catalog/boards.ts";
import type { DegradationMode } from "../catalog/mode.ts";
import { modeRoleTitles } from "../catalog/roles.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../core/signal/thresholds.ts";
import { decideBlocks, recoverBlocks } from "./decide.ts";
import { factsBlocks } from "./facts.ts";
import { bullets, codeBlock, inlineCode, numbered, page, table } from "./markdown.ts";
import { prose } from "./prose.ts";
import { rehearseBlocks, topologyBlocks, verifiedLine } from "./rehearse.ts";
import type { Verified } from "./verified.ts";
import { verifyBlocks } from "./verify.ts";

const severityMeanings: Readonly<Record<DegradationMode["severity"], string>> = {
  page: "page (wakes somebody)",
  ticket: "ticket (waits for the morning)",
  none: "none (only a machine listens)",
};

/** What a mode's severity means for a person, used on every page. A budget has two, by how fast it burns. */
export function severityMeaning({ severity, signal }: DegradationMode): string {
  return signal.kind === "burn-rate" ? "page when fast, ticket when slow" : severityMeanings[severity];
}

const natureMeanings: Readonly<Record<DegradationMode["nature"], string>> = {
  symptom: "symptom (users feel it)",
  cause: "cause (leads to what users feel)",
  heartbeat: "heartbeat (healthy while it fires)",
};

const roleOf = ({ role }: DegradationMode) =>
  role === "any" ? "the one that the alert names" : `${modeRoleTitles[role]} (${inlineCode(role)})`;

/** Steps are a list, which needs a paragraph of its own. */
function instead(text: string): string[] {
  const steps = numbered(text);
  return steps === text ? [`**Instead:** ${text}`] : ["**Instead:**", steps];
}

function firstBlock(mode: DegradationMode, record: Verified | undefined): string[] {
  const { remedy } = mode;
  const facts = [
    table(
      ["Severity", "Role", "Nature", "Board"],
      [[severityMeaning(mode), roleOf(mode), natureMeanings[mode.nature], boards[mode.board] ?? ""]],
    ),
    verifiedLine(mode, record),
  ];
  if (remedy.kind === "none") {
    return [
      ...facts,
      `**No command, because:** ${prose(remedy.reason, mode.id)}`,
      ...instead(prose(remedy.instead, mode.id)),
    ];
  }
  return [
    ...facts,
    ...(remedy.first === undefined ? [] : [`**First:** ${prose(remedy.first, mode.id)}`]),
    codeBlock(
      "sh",
      `${remedy.command}            # plans, changes nothing\n${remedy.command} --execute  # acts`,
    ),
  ];
}

function meaning(mode: DegradationMode): string {
  const figures = mode.description.includes("{{")
    ? " (Figures of an example; the alert has the real ones.)"
    : "";
  return prose(mode.example.description, mode.id) + figures;
}

/** What a page is made with besides its mode. */
export interface PageOptions {
  /** Those of a redisops.yaml; the catalog's when left out. */
  readonly thresholds?: EffectiveThresholds;
  /** The last run of the page's commands on the lab. */
  readonly verified?: Verified | undefined;
}

/**
 * The runbook page of a degradation mode. With the thresholds of a redisops.yaml it is that platform's own page; the
 * committed pages have the catalog's.
 */
export function renderRunbook(
  mode: DegradationMode,
  { thresholds = effectiveThresholds(mode), verified }: PageOptions = {},
): string {
  const text = (sentence: string) => prose(sentence, mode.id);
  const sections: readonly (readonly [title: string, blocks: readonly string[]])[] = [
    ["What it means", [meaning(mode)]],
    ["What users feel", [text(mode.userImpact)]],
    ["How it is contained", [text(mode.containment)]],
    ["Decide", decideBlocks(mode)],
    ["By topology", topologyBlocks(mode)],
    ["Recover", recoverBlocks(mode)],
    ["Verify", verifyBlocks(mode, thresholds)],
    ["Roll back", [text(mode.remedy.rollback)]],
    ["When it fails", [text(mode.remedy.whenItFails)]],
    ["Do not", ["These make it worse:", bullets(mode.aggravators.map(text))]],
    ["Prevent", [text(mode.prevention)]],
    ["Rehearse", rehearseBlocks(mode)],
    ["Facts", factsBlocks(mode, thresholds)],
  ];
  return page([
    `<!-- Generated. Edit catalog/modes/${mode.id}.ts, then run npm run generate. -->`,
    `# ${mode.id}: ${mode.title}`,
    ...firstBlock(mode, verified),
    ...sections
      .filter(([, blocks]) => blocks.length > 0)
      .flatMap(([title, blocks]) => [`## ${title}`, ...blocks]),
  ]);
}
