import type { DegradationMode, DiagnosisStep } from "../catalog/mode.ts";
import { roleTitles } from "../catalog/roles.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../core/signal/thresholds.ts";
import { factsBlocks } from "./facts.ts";
import { bullets, codeBlock, inlineCode, page, table } from "./markdown.ts";
import { prose } from "./prose.ts";
import { verifyBlocks } from "./verify.ts";

/** What each severity means for a person, used on every page. */
export const severityMeanings: Readonly<Record<DegradationMode["severity"], string>> = {
  page: "page (wakes somebody)",
  ticket: "ticket (waits for the morning)",
  none: "none (only a machine listens)",
};

const natureMeanings: Readonly<Record<DegradationMode["nature"], string>> = {
  symptom: "symptom (users feel it)",
  cause: "cause (leads to what users feel)",
  heartbeat: "heartbeat (healthy while it fires)",
};

function firstBlock(mode: DegradationMode): string[] {
  const { remedy } = mode;
  const facts = table(
    ["Severity", "Role", "Nature"],
    [
      [
        severityMeanings[mode.severity],
        `${roleTitles[mode.role]} (${inlineCode(mode.role)})`,
        natureMeanings[mode.nature],
      ],
    ],
  );
  if (remedy.kind === "none") {
    return [
      facts,
      `**No command, because:** ${prose(remedy.reason, mode.id)}`,
      `**Instead:** ${prose(remedy.instead, mode.id)}`,
    ];
  }
  return [
    facts,
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

function decideStep(step: DiagnosisStep, index: number, self: string): string {
  const marker = `${index + 1}.`;
  const indent = " ".repeat(marker.length + 1);
  const branches = step.branches.map(
    ({ observed, conclusion }) => `**${prose(observed, self)}**: ${prose(conclusion, self)}`,
  );
  return [`${marker} Run this:`, codeBlock("sh", step.command, indent), bullets(branches, indent)].join(
    "\n\n",
  );
}

function recoverBlocks(mode: DegradationMode): string[] {
  const { remedy } = mode;
  if (remedy.kind === "none") {
    return [
      prose(remedy.instead, mode.id),
      "Keep this running meanwhile, to see the state change:",
      watch(mode),
    ];
  }
  return [
    ...(remedy.first === undefined ? [] : [prose(remedy.first, mode.id)]),
    "Read the plan first. It changes nothing and exits 2:",
    codeBlock("sh", remedy.command),
    "Then act. Progress, rate and the expected end are printed while it runs:",
    codeBlock("sh", `${remedy.command} --execute`),
  ];
}

const watch = (mode: DegradationMode) =>
  codeBlock("sh", `watch -n 5 redisops status${mode.role === "self" ? "" : ` --role ${mode.role}`}`);

/**
 * The runbook page of a degradation mode. With the thresholds of a redisops.yaml it is that platform's own page; the
 * committed pages have the catalog's.
 */
export function renderRunbook(
  mode: DegradationMode,
  thresholds: EffectiveThresholds = effectiveThresholds(mode),
): string {
  const text = (sentence: string) => prose(sentence, mode.id);
  const sections: readonly (readonly [title: string, blocks: readonly string[]])[] = [
    ["What it means", [meaning(mode)]],
    ["What users feel", [text(mode.userImpact)]],
    ["How it is contained", [text(mode.containment)]],
    ["Decide", mode.diagnosis.map((step, index) => decideStep(step, index, mode.id))],
    ["Recover", recoverBlocks(mode)],
    ["Verify", verifyBlocks(mode, thresholds)],
    ["Roll back", [text(mode.remedy.rollback)]],
    ["When it fails", [text(mode.remedy.whenItFails)]],
    ["Do not", ["These make it worse:", bullets(mode.aggravators.map(text))]],
    ["Prevent", [text(mode.prevention)]],
    ["Facts", factsBlocks(mode, thresholds)],
  ];
  return page([
    `<!-- Generated. Edit catalog/modes/${mode.id}.ts, then run npm run generate. -->`,
    `# ${mode.id}: ${mode.title}`,
    ...firstBlock(mode),
    ...sections.flatMap(([title, blocks]) => [`## ${title}`, ...blocks]),
  ]);
}
