import type { DegradationMode } from "../../catalog/mode.ts";
import type { Config } from "../../core/config/schema.ts";

/** Where a mode's page is published: the address that its alert has as well. */
export async function pageUrl(mode: DegradationMode, config: Config | undefined): Promise<string> {
  const [{ linkAnnotations }, { defaultRuleOptions, ruleOptions }] = await Promise.all([
    import("../../alerts/rules.ts"),
    import("../../alerts/defaults.ts"),
  ]);
  const options = config === undefined ? defaultRuleOptions() : ruleOptions(config);
  return linkAnnotations(mode, options).runbook_url ?? "";
}
