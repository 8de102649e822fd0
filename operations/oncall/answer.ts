import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { Role } from "../../catalog/roles.ts";
import type { ErrorReport } from "../../core/errors.ts";
import type { Fact } from "../../recovery/recovery.ts";
import type { LiveMode } from "../diagnosis/observe-mode.ts";

/** A plan that was made for an answer; making it has changed nothing. */
export interface PlanAnswer {
  readonly recovery: RecoveryName;
  /** `refused`: must not be carried out as things stand. `failed`: no plan could be made. */
  readonly status: "planned" | "nothing_to_do" | "refused" | "failed";
  readonly target: string | null;
  readonly facts: readonly Fact[];
  readonly steps: readonly string[];
  readonly risks: readonly string[];
  /** Why a person has to confirm it by naming platform and role. */
  readonly severe: string | null;
  /** Sentence on the expected duration. */
  readonly duration: string | null;
  readonly error: ErrorReport | null;
}

/** What is said of the alerts of one mode, role and status. */
export interface AlertAnswer {
  readonly alert: string;
  readonly title: string;
  readonly role: Role | null;
  readonly severity: "page" | "ticket" | "none";
  readonly status: "firing" | "resolved";
  /** When the first of the alerts began. */
  readonly since: string;
  /** Labels of the alerts, at most eight sets, and how many more there are. */
  readonly labels: readonly Readonly<Record<string, string>>[];
  readonly more: number;
  /** `not looked`: it is resolved, or of another platform. */
  readonly verdict: "holds" | "does not hold" | "not known" | "not looked";
  /** What the platform says now. */
  readonly live: LiveMode | null;
  /** How the runbook page branches on what its first command shows. */
  readonly decide: readonly { readonly observed: string; readonly conclusion: string }[];
  readonly plan: PlanAnswer | null;
  /** What to do now, in a sentence or as a command. */
  readonly next: string;
  readonly runbook: string;
  readonly dashboard: string;
}

/** What redisops answers to a notification of Alertmanager. */
export interface Answer {
  readonly kind: "answer";
  readonly platform: string;
  readonly status: "firing" | "resolved";
  /** When it was answered. */
  readonly at: string;
  readonly alerts: readonly AlertAnswer[];
  /** Names of alerts that are not redisops'; at most eight. */
  readonly unknown: readonly string[];
  /** Alerts about which nothing is said. */
  readonly skipped: number;
}

/** What became of a recovery that redisops.yaml allows to be carried out without a person. */
export interface Execution {
  readonly kind: "execution";
  readonly platform: string;
  readonly at: string;
  readonly recovery: RecoveryName;
  /** The mode whose alert called for it. */
  readonly alert: string;
  /**
   * `waiting`: not now, looked at again while the alert fires. `refused`: a person is needed. `over`: there is nothing
   * to carry out any more.
   */
  readonly outcome: "done" | "verification_failed" | "failed" | "waiting" | "refused" | "over";
  readonly because: string;
  readonly run: string | null;
  readonly seconds: number | null;
  /** What the verification found. */
  readonly facts: readonly Fact[];
  /** What a person does next; null where nothing is left to do. */
  readonly next: string | null;
}
