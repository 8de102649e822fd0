import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { OncallConfig } from "../../core/config/oncall-section.ts";
import { formatDuration, parseDuration } from "../../core/duration.ts";
import type { StatusRow } from "../../exporters/status.ts";
import type { Plan } from "../../recovery/recovery.ts";
import type { ListedRun } from "../../recovery/run/find-runs.ts";
import type { LiveMode } from "../diagnosis/observe-mode.ts";

/** What was found of a mode, and of the recovery that ends it, at one moment. */
export interface Found {
  readonly recovery: RecoveryName;
  /** Whether the mode's alert fires in Prometheus; undefined where Prometheus does not say. */
  readonly firing: boolean | undefined;
  /** Whether Alertmanager keeps the alert back, because somebody silenced it or a worse one fires. */
  readonly muted: boolean;
  readonly live: Pick<LiveMode, "holds">;
  /** The rows of the servers that the recovery works on. */
  readonly servers: readonly Pick<StatusRow, "role" | "target" | "state">[];
  /** The latest runs; undefined where they cannot be listed. */
  readonly runs: readonly Pick<ListedRun, "run" | "recovery" | "state" | "startedAt">[] | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** `waiting`: may become possible. `refused`: needs a person. `over`: there is nothing left to do. */
export type Verdict =
  | { readonly may: true }
  | { readonly may: false; readonly outcome: "waiting" | "refused" | "over"; readonly because: string };

const yes: Verdict = { may: true };
const no = (outcome: "waiting" | "refused" | "over", because: string): Verdict => ({
  may: false,
  outcome,
  because,
});

const hour = 3_600_000;

/** Whether what was found lets a recovery that redisops.yaml allows be planned for execution now. */
export function mayPlan(config: OncallConfig, found: Found): Verdict {
  const { recovery, firing, live, servers, runs, now } = found;
  if (!config.execute.includes(recovery)) return no("refused", `oncall.execute does not name ${recovery}`);
  if (firing === undefined) return no("waiting", "Prometheus does not say whether the alert still fires");
  if (!firing) return no("over", "the alert does not fire any more");
  if (found.muted) return no("waiting", "the alert is silenced, or a worse one fires");
  if (live.holds === null) return no("waiting", "whether the mode holds is not known");
  if (!live.holds) return no("over", "the mode does not hold any more");
  if (servers.length === 0)
    return no("refused", "redisops.yaml does not describe the server that it works on");
  const away = servers.find(({ state }) => state !== "ok" && state !== "degraded");
  if (away !== undefined) return no("waiting", `${away.role} at ${away.target} is not back: ${away.state}`);
  if (runs === undefined) return no("waiting", "earlier runs cannot be listed");
  const underWay = runs.find(
    (run) => run.recovery === recovery && (run.state === "running" || run.state === "unknown"),
  );
  if (underWay !== undefined) return no("waiting", `run ${underWay.run} is under way`);
  const cooldown = parseDuration(config.cooldown);
  const last = runs.find((run) => run.recovery === recovery && now - Date.parse(run.startedAt) < cooldown);
  if (last !== undefined) {
    const ago = formatDuration(Math.max(0, now - Date.parse(last.startedAt)));
    return no(
      "waiting",
      `run ${last.run} began ${ago} ago (${last.state}), and oncall.cooldown is ${config.cooldown}`,
    );
  }
  const recent = runs.filter((run) => now - Date.parse(run.startedAt) < hour).length;
  if (recent >= config.max_per_hour)
    return no(
      "waiting",
      `${recent} recoveries began within the last hour, and oncall.max_per_hour is ${config.max_per_hour}`,
    );
  return yes;
}

/** Whether a fresh plan may be carried out without a person. */
export function mayCarryOut(
  config: OncallConfig,
  recovery: RecoveryName,
  { refusal, hasChanges, severe }: Pick<Plan, "refusal" | "hasChanges" | "severe">,
): Verdict {
  if (refusal !== undefined) return no("waiting", `${refusal.code}: ${refusal.message}`);
  if (!hasChanges) return no("over", "the plan has nothing to do");
  if (severe !== undefined && !config.execute_severe.includes(recovery))
    return no(
      "refused",
      `its plan is severe, and oncall.execute_severe does not name ${recovery}: ${severe}`,
    );
  return yes;
}
