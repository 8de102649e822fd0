import { modes } from "../catalog/modes.ts";
import { roles } from "../catalog/roles.ts";
import { errorCodes } from "../core/error-codes.ts";
import { inlineCode } from "./markdown.ts";

const modeIds = new Set(modes.map((mode) => mode.id));
const codes = Object.keys(errorCodes).filter((code) => code.includes("_"));

/** A metric of the contract, or Prometheus' own, with or without label matchers. */
const metricReference = String.raw`\bredisops_[a-z_]+(?:\{[^}]*\})?|\b(?:up|ALERTS)\{[^}]*\}`;

/** Subcommands with the arguments that belong to them. */
const commands = String.raw`recover [a-z]+(?:-[a-z]+)*|runbook show \w+|config (?:check|show)|status|exporter|drill|init`;

/** What stands out in the catalog's prose; the first alternative that fits wins. */
const notable = new RegExp(
  [
    "`[^`]+`",
    String.raw`\bredisops (?:${commands})(?: --[a-z-]+(?: (?:${roles.join("|")}))?)*`,
    String.raw`(?<=\s)--[a-z]+(?:-[a-z]+)*`,
    metricReference,
    String.raw`\b(?:${[...modeIds].join("|")})\b`,
    String.raw`\b(?:${codes.join("|")})\b`,
    String.raw`\b(?:roles|postgres|providers|exporter|prometheus|alerting|thresholds)(?:\.[a-z_]+)+\b`,
    String.raw`\bredisops\.yaml\b`,
    String.raw`\b[a-z]+(?:_[a-z0-9]+)+\b`,
    String.raw`[<*[\]\\]`,
  ].join("|"),
  "g",
);

/**
 * The catalog's plain sentences as Markdown for a page in runbooks/: other modes and error codes become links,
 * commands, metrics and keys become code. `self` is the page's own mode, which needs no link.
 */
export function prose(text: string, self = ""): string {
  return text.replace(notable, (match) => {
    if (match.startsWith("`") || match === self) return match;
    if (match === "<") return "&lt;";
    if (match.length === 1) return `\\${match}`;
    if (modeIds.has(match)) return `[${match}](${match}.md)`;
    if (codes.includes(match)) return `[${match}](../docs/errors.md#${match.toLowerCase()})`;
    return inlineCode(match);
  });
}

/** The metrics, with their matchers, that a sentence names. */
export function metricsNamedIn(text: string): string[] {
  return [...new Set(text.match(new RegExp(metricReference, "g")) ?? [])];
}
