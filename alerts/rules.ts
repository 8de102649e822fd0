import { stringify } from "yaml";
import type { DegradationMode } from "../catalog/mode.ts";
import { ProviderThrottled } from "../catalog/modes/ProviderThrottled.ts";
import { modes } from "../catalog/modes.ts";
import { type Role, roles } from "../catalog/roles.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { burnRatePromql, signalPromql } from "../core/signal/promql.ts";
import { effectiveThresholds, thresholdValue } from "../core/signal/thresholds.ts";
import type { ProviderAddress } from "./provider-addresses.ts";
import {
  preferencesRules,
  type RecordingRule,
  recordingRules,
  registryCoverage,
  sloRules,
} from "./recording-rules.ts";

/** What the rules link to, and the overrides of their thresholds. */
export interface RuleOptions {
  /** Label of every alert that tells this platform's from another's; none in the committed rules. */
  readonly platform: string | undefined;
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
    dashboard_url: `${withoutSlash(options.dashboardBaseUrl)}/d/${mode.board}?from=now-1h&to=now`,
    command:
      mode.remedy.kind === "command" && mode.remedy.first === undefined
        ? mode.remedy.command
        : (mode.diagnosis[0]?.command ?? "redisops status"),
  };
}

/** The labels that a mode's rule adds to its alert; where the mode may hold for any role, the series brings the role. */
export function ruleLabels(
  mode: DegradationMode,
  severity: DegradationMode["severity"] = mode.severity,
): Record<string, string> {
  return { severity, ...(mode.role !== "any" && { role: mode.role }), nature: mode.nature };
}

/** The severities under which a mode's alert is known: a budget that burns slowly is a ticket of the same name. */
export function alertSeverities({
  signal,
  severity,
}: Pick<DegradationMode, "signal" | "severity">): readonly DegradationMode["severity"][] {
  return signal.kind === "burn-rate" ? ["page", "ticket"] : [severity];
}

/** An alert rule of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Rules that Prometheus evaluates one after the other. */
export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (RecordingRule | AlertRule)[];
}

/** A mode's alert, once for each of its severities. */
function alertRules(mode: DegradationMode, options: RuleOptions): AlertRule[] {
  const { signal } = mode;
  const thresholds = effectiveThresholds(mode, options.thresholds);
  return alertSeverities(mode).map((severity) => ({
    alert: mode.id,
    expr:
      signal.kind === "burn-rate" && severity !== "none"
        ? burnRatePromql(signal, severity, thresholds)
        : signalPromql(signal, thresholds),
    for: String(thresholds.for),
    labels: {
      ...ruleLabels(mode, severity),
      ...(options.platform !== undefined && { platform: options.platform }),
    },
    annotations: { summary: mode.summary, description: mode.description, ...linkAnnotations(mode, options) },
  }));
}

/** The group that has what objectives record, and every alert on it, of whichever role. */
const sloGroup = "slo" as const;

type Group = Role | "any" | typeof sloGroup;

const groupOf = ({ signal, role }: DegradationMode): Group => (signal.kind === "burn-rate" ? sloGroup : role);

/** What the alerts of a group read in place of raw metrics. */
function recordingRulesOf(group: Group, { thresholds, providers }: RuleOptions): readonly RecordingRule[] {
  switch (group) {
    case "registry":
      return [registryCoverage];
    case "preferences":
      return preferencesRules;
    case "token_bucket": {
      const window = thresholdValue(effectiveThresholds(ProviderThrottled, thresholds), "window");
      return recordingRules(providers, String(window));
    }
    case sloGroup:
      return sloRules;
    default:
      return [];
  }
}

/**
 * The rules: a group for each role, and one for objectives; an alert for each degradation mode. What alerts read of
 * recorded series comes before them in the same group, so that it is of the same evaluation.
 */
export function ruleGroups(options: RuleOptions): RuleGroup[] {
  const groups: readonly Group[] = [...roles, "any", sloGroup];
  return groups.flatMap((group) => {
    const rules = [
      ...recordingRulesOf(group, options),
      ...modes.filter((mode) => groupOf(mode) === group).flatMap((mode) => alertRules(mode, options)),
    ];
    return rules.length === 0 ? [] : [{ name: `redisops-${group}`, rules }];
  });
}

const origin =
  "# Generated from catalog/modes and alerts/recording-rules.ts; change those, then run npm run generate.\n";

const yaml = (value: unknown) => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** The rules as Prometheus reads them from a file. */
export function renderRules(options: RuleOptions): string {
  return `${origin}${yaml({ groups: ruleGroups(options) })}`;
}

/** The rules as a resource of the Prometheus Operator. */
export function renderPrometheusRule(options: RuleOptions): string {
  const resource = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "redisops", labels: { "app.kubernetes.io/name": "redisops" } },
    spec: { groups: ruleGroups(options) },
  };
  return `${origin}# The operator takes it up where its labels and namespace are what the Prometheus resource selects (ruleSelector, ruleNamespaceSelector).\n${yaml(resource)}`;
}
