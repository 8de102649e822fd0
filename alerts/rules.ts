import { stringify } from "yaml";
import type { DegradationMode } from "../catalog/mode.ts";
import { ProviderThrottled } from "../catalog/modes/ProviderThrottled.ts";
import { modes } from "../catalog/modes.ts";
import { type Role, roles } from "../catalog/roles.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { signalPromql } from "../core/signal/promql.ts";
import { effectiveThresholds, thresholdValue } from "../core/signal/thresholds.ts";
import type { ProviderAddress } from "./provider-addresses.ts";
import { preferencesRules, type RecordingRule, recordingRules, registryCoverage } from "./recording-rules.ts";

/** What the rules link to, and the overrides of their thresholds. */
export interface RuleOptions {
  readonly thresholds: ThresholdOverrides;
  readonly runbookBaseUrl: string;
  readonly dashboardBaseUrl: string;
  /** By which OpenTelemetry's metrics are told apart by provider. */
  readonly providers: readonly ProviderAddress[];
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

/** What a role's alerts read in place of raw metrics. */
function recordingRulesOf(role: Role, { thresholds, providers }: RuleOptions): readonly RecordingRule[] {
  if (role === "registry") return [registryCoverage];
  if (role === "preferences") return preferencesRules;
  if (role !== "token_bucket") return [];
  const window = thresholdValue(effectiveThresholds(ProviderThrottled, thresholds), "window");
  return recordingRules(providers, String(window));
}

/**
 * The Prometheus rule file: one group for each role, one alert for each degradation mode. What alerts read of recorded
 * series comes before them in the same group, so that it is of the same evaluation.
 */
export function renderRules(options: RuleOptions): string {
  const groups = roles.flatMap((role) => {
    const alerts = modes
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
    const rules = [...recordingRulesOf(role, options), ...alerts];
    return rules.length === 0 ? [] : [{ name: `redisops-${role}`, rules }];
  });
  return `# Generated from catalog/modes and alerts/recording-rules.ts; change those, then run npm run generate.\n${stringify({ groups }, { lineWidth: 0 })}`;
}
