import { stringify } from "yaml";
import type { DegradationMode } from "../catalog/mode.ts";
import { modes } from "../catalog/modes.ts";
import { roles } from "../catalog/roles.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { signalPromql } from "../core/signal/promql.ts";
import { effectiveThresholds } from "../core/signal/thresholds.ts";

/** What the rules link to, and the overrides of their thresholds. */
export interface RuleOptions {
  readonly thresholds: ThresholdOverrides;
  readonly runbookBaseUrl: string;
  readonly dashboardBaseUrl: string;
}

const withoutSlash = (url: string) => url.replace(/\/+$/, "");

/** The annotations of a mode's alert that are links and commands. */
export function linkAnnotations(mode: DegradationMode, options: RuleOptions): Record<string, string> {
  return {
    runbook_url: `${withoutSlash(options.runbookBaseUrl)}/${mode.id}.md`,
    dashboard_url: `${withoutSlash(options.dashboardBaseUrl)}/d/redisops-overview?from=now-1h&to=now`,
    command:
      mode.remedy.kind === "command" && mode.remedy.first === undefined
        ? mode.remedy.command
        : (mode.diagnosis[0]?.command ?? "redisops status"),
  };
}

/** The labels that a mode's rule adds to its alert. */
export function ruleLabels(mode: DegradationMode): Record<string, string> {
  return { severity: mode.severity, role: mode.role, nature: mode.nature };
}

/** The Prometheus rule file: one group for each role, one alert for each degradation mode. */
export function renderRules(options: RuleOptions): string {
  const groups = roles.flatMap((role) => {
    const rules = modes
      .filter((mode) => mode.role === role)
      .map((mode) => {
        const thresholds = effectiveThresholds(mode, options.thresholds);
        return {
          alert: mode.id,
          expr: signalPromql(mode.signal, thresholds),
          for: String(thresholds.for),
          labels: ruleLabels(mode),
          annotations: {
            summary: mode.summary,
            description: mode.description,
            ...linkAnnotations(mode, options),
          },
        };
      });
    return rules.length === 0 ? [] : [{ name: `redisops-${role}`, rules }];
  });
  return `# Generated from catalog/modes; change those, then run npm run generate.\n${stringify({ groups }, { lineWidth: 0 })}`;
}
