import { modes } from "../catalog/modes.ts";
import { errorCodes } from "../core/error-codes.ts";
import { inlineCode } from "./markdown.ts";

const modeIds = new Set(modes.map((mode) => mode.id));
const codes = Object.keys(errorCodes).filter((code) => code.includes("_"));

/** A metric of the contract, a recorded series, or Prometheus' own, with or without label matchers. */
const metricReference = String.raw`\bredisops[_:][a-z_:]*[a-z](?:\{[^}]*\})?|\b(?:up|ALERTS)\{[^}]*\}`;

/** Subcommands with the arguments that belong to them. */
const commands = String.raw`recover (?:apply <file>|[a-z]+(?:-[a-z]+)*(?: <run>)?)|runbook (?:show|open) \w+|runbook (?:list|search)|config (?:check|show)|lab inject [a-z]+(?:-[a-z\d]+)*|lab (?:up|status|rate|down)|dashboards (?:build|push|diff)|generate (?:alerts|dashboards)|audit (?:preferences|duplicates)|catalog|status|exporter|drill|init`;

/** An option of a command, with the value of those that take one. */
const option = String.raw` --(?:(?:role|provider|account|name|severity) [a-z_]+(?:-[a-z\d]+)*|(?:shard|messages|notifications|max-rate) \d+|(?:for|since|ramp) \d+[smhd]|[a-z]+(?:-[a-z]+)*)`;

/** What stands out in the catalog's prose; the first alternative that fits wins. */
const notable = new RegExp(
  [
    "`[^`]+`",
    String.raw`\bredisops (?:${commands})(?:${option})*`,
    String.raw`(?<=\s)--[a-z]+(?:-[a-z]+)*`,
    metricReference,
    String.raw`\b(?:${[...modeIds].join("|")})\b`,
    String.raw`\b(?:${codes.join("|")})\b`,
    String.raw`\bdocs/[a-z]+(?:-[a-z]+)*\.md\b`,
    String.raw`\b(?:roles|postgres|kafka|providers|exporter|recovery|prometheus|alerting|grafana|thresholds)(?:\.(?:[a-z_]+\b|<[a-z]+>))+`,
    String.raw`\bredisops\.yaml\b`,
    // A name with underscores, with the rest of the path that it is a part of.
    String.raw`\b(?:[a-z]+\.)*[a-z]+(?:_[a-z0-9]+)+(?:[./][a-z]+)*\b`,
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
    if (match.startsWith("docs/")) return `[${match}](../${match})`;
    if (modeIds.has(match)) return `[${match}](${match}.md)`;
    if (codes.includes(match)) return `[${match}](../docs/errors.md#${match.toLowerCase()})`;
    return inlineCode(match);
  });
}

/** The metrics, with their matchers, that a sentence names. */
export function metricsNamedIn(text: string): string[] {
  return [...new Set(text.match(new RegExp(metricReference, "g")) ?? [])];
}
