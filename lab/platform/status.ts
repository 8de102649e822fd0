import type { InboxCounts } from "../apps/inbox.ts";
import type { MessageCounts } from "../apps/message-load.ts";
import type { NotificationCounts } from "../apps/notification-load.ts";
import type { ActiveFault } from "./faults.ts";
import type { Condition } from "./member.ts";
import type { Rates } from "./settings.ts";

/** A process as `lab status` shows it. */
export interface ProcessStatus {
  readonly name: string;
  readonly part: string;
  readonly roles: readonly string[];
  readonly port: number | null;
  readonly pid: number;
  readonly condition: Condition;
}

/**
 * The books of the messages. Every accepted message has been delivered or waits: `lost` counts those that are neither, and
 * is 0 at any moment. Null: not to be had, because a process that knows it gives no answer.
 */
export interface MessageBooks extends MessageCounts, InboxCounts {
  /** Rows in pending_deliveries. */
  readonly pending: number | null;
  readonly lost: number | null;
  /** Some of the lost messages' ids. */
  readonly lostIds: readonly string[];
}

/** The books of the notifications; produced = sent + optedOut + missed + givenUp + outstanding at any moment. */
export interface NotificationBooks extends NotificationCounts {
  /** Notifications that are in none of these states, which is 0. */
  readonly unaccounted: number;
  /** Decisions of the notification workers about preferences, by shard of the cluster. */
  readonly decisionsByShard: readonly number[];
  /** Those of them that a fallback made. */
  readonly degradedByShard: readonly number[];
}

/** An account of a provider as the stand-in has counted. */
export interface AccountStatus {
  readonly provider: string;
  readonly account: string;
  readonly accepted: number;
  /** Requests that were answered 429. */
  readonly throttled: number;
}

/** What `redisops lab status --json` prints. */
export interface LabStatus {
  readonly name: string;
  readonly phase: "starting" | "up" | "stopping";
  readonly supervisorPid: number;
  /** Seconds that the start took; null while it lasts. */
  readonly startSeconds: number | null;
  /** Pass it to every other command of redisops as --config. */
  readonly configFile: string | null;
  readonly folder: string;
  readonly addresses: Readonly<Record<string, string>>;
  /** Why there is no Kafka; null where there is. */
  readonly withoutKafka: string | null;
  readonly processes: readonly ProcessStatus[];
  readonly faults: readonly ActiveFault[];
  readonly rates: Rates | null;
  readonly messages: MessageBooks | null;
  readonly notifications: NotificationBooks | null;
  readonly providers: readonly AccountStatus[] | null;
}
