import { parseConfig } from "../core/config/load.ts";
import { providerAddresses } from "./provider-addresses.ts";
import type { RuleOptions } from "./rules.ts";

/** The options of the committed rule file: what a configuration that says nothing about alerting has. */
export function defaultRuleOptions(): RuleOptions {
  const options = ruleOptions(parseConfig("platform: default\nroles: {}\n", "default"));
  return { ...options, platform: undefined };
}

/** The options of the rules that belong to a configuration. */
export function ruleOptions({
  platform,
  alerting,
  providers,
  thresholds,
}: ReturnType<typeof parseConfig>): RuleOptions {
  return {
    platform,
    thresholds,
    runbookBaseUrl: alerting.runbook_base_url,
    dashboardBaseUrl: alerting.dashboard_base_url,
    providers: providerAddresses(providers),
  };
}
