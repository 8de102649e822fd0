import { modes } from "../../catalog/modes.ts";
import { FaultInjector } from "../platform/fault-injector.ts";
import { type Platform, startPlatform } from "../platform/platform.ts";
import { Stopwatch } from "../platform/stopwatch.ts";
import type { Workspace } from "../workspace.ts";
import { drillOverrides } from "./drill-thresholds.ts";

/** A platform to break. */
export interface Stage {
  readonly platform: Platform;
  readonly faults: FaultInjector;
  /** Its redisops.yaml. */
  readonly configFile: string;
  /** Where Prometheus answers. */
  readonly prometheus: string;
}

/** What a drill needs of a load: every kind of traffic, and no more, since commands and queries run beside it. */
const rates = { messages: 40, notifications: 60 };

/**
 * How long a command's probes wait: as long as a process takes to start among forty others, so that a machine with much to do
 * does not look like a platform that hangs. A scrape asks for its answer sooner.
 */
const probeTimeout = "8s";

/** Starts a whole platform in a workspace; `say` is told what goes on. */
export async function startStage(workspace: Workspace, say: (line: string) => void): Promise<Stage> {
  const platform = await startPlatform(workspace, {
    name: "drills",
    rates,
    probeTimeout,
    thresholds: drillOverrides(modes),
    stopwatch: new Stopwatch(say),
    say,
    onMember: () => undefined,
  });
  const { prometheus } = platform.addresses;
  if (prometheus === undefined) throw new Error("the platform does not say where Prometheus is");
  return {
    platform,
    faults: new FaultInjector(platform, say),
    configFile: platform.settings.configFile,
    prometheus,
  };
}
