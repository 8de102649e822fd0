import { RedisopsError } from "../../core/errors.ts";
import type { DrillRunResult } from "../../operations/drills/drill-result.ts";
import { type DrillsOptions, runDrills } from "../../operations/drills/run-drills.ts";
import { supervise } from "../platform/supervisor.ts";
import { labTarget } from "./lab-target.ts";
import { drillPlatform, drillRates, stageOf } from "./stage.ts";

/** The name of the lab that `redisops drill run` starts; `redisops lab status --name drill` shows it meanwhile. */
export const drillLabName = "drill";

/**
 * Starts a lab, runs drills on it and ends it. When the signal is aborted the drills undo what they did first.
 *
 * @throws RedisopsError LAB_RUNNING when other drills run on this machine; LAB_FAILED when the lab does not start; the signal's
 *   reason when it is aborted before the lab is up.
 */
export async function runOnLab(
  options: DrillsOptions & { readonly say: (line: string) => void },
): Promise<DrillRunResult> {
  const { signal, say } = options;
  const end = new AbortController();
  let running: Promise<DrillRunResult> | undefined;
  const onAbort = () => {
    if (running === undefined) end.abort(signal?.reason);
  };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await supervise({
      name: drillLabName,
      rates: drillRates,
      platform: drillPlatform,
      say,
      signal: end.signal,
      onUp: () => undefined,
      onPlatform(platform, faults, workspace) {
        running = runDrills(labTarget(stageOf(platform, faults), drillLabName), options).finally(() =>
          end.abort(),
        );
        running.catch(() => undefined); // told below
        const ended = running.then(
          () => undefined,
          () => undefined,
        );
        workspace.beforeClose(() => ended);
      },
    });
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  if (running === undefined) throw new RedisopsError("LAB_FAILED", "The lab ended before the drills began");
  return running;
}
