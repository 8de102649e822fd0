import { modes } from "../../catalog/modes.ts";
import { FaultInjector } from "../platform/fault-injector.ts";
import { type Platform, type PlatformOptions, startPlatform } from "../platform/platform.ts";
import { Stopwatch } from "../platform/stopwatch.ts";
import type { Workspace } from "../workspace.ts";
import { drillRules } from "./drill-rules.ts";
import { drillOverrides } from "./drill-thresholds.ts";

/** A platform to break. */
export interface Stage {
  readonly platform: Platform;
  readonly faults: FaultInjector;
  /** Its redisops.yaml. */
  readonly configFile: string;
  /** Where Prometheus answers. */
  readonly prometheus: string;
  /** Where Alertmanager answers. */
  readonly alertmanager: string;
}

/** What a drill needs of a load: every kind of traffic, and no more, since commands and queries run beside it. */
export const drillRates = { messages: 40, notifications: 60 };

/** What a platform for drills has otherwise than the lab's usual one: its alerts are on the drill's clocks. */
export const drillPlatform = {
  // As long as a process takes to start among forty others, so that a machine with much to do does not look like a platform
  // that hangs. A scrape asks for its answer sooner.
  probeTimeout: "8s",
  thresholds: drillOverrides(modes),
  rules: drillRules,
  // Alertmanager takes an alert for over when it was left unsaid four times: with a minute the dead man's switch would hear of
  // a Prometheus that is gone for four more minutes.
  resendDelay: "2s",
} satisfies Pick<PlatformOptions, "probeTimeout" | "thresholds" | "rules" | "resendDelay">;

/** The stage that a platform is. Throws when it has no Prometheus or no Alertmanager. */
export function stageOf(platform: Platform, faults: FaultInjector): Stage {
  const { prometheus, alertmanager } = platform.addresses;
  if (prometheus === undefined || alertmanager === undefined)
    throw new Error("the platform does not say where Prometheus and Alertmanager are");
  return { platform, faults, configFile: platform.settings.configFile, prometheus, alertmanager };
}

/** Starts a whole platform in a workspace; `say` is told what goes on. */
export async function startStage(workspace: Workspace, say: (line: string) => void): Promise<Stage> {
  const platform = await startPlatform(workspace, {
    ...drillPlatform,
    name: "drills",
    rates: drillRates,
    stopwatch: new Stopwatch(say),
    say,
    onMember: () => undefined,
  });
  return stageOf(platform, new FaultInjector(platform, say));
}
