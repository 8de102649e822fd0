import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { modes } from "../../catalog/modes.ts";
import type { Config } from "../../core/config/schema.ts";
import { parseDuration } from "../../core/duration.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import type { Answer, Execution } from "./answer.ts";
import { answerNotification, recoveryOf } from "./answer-notification.ts";
import { Executor } from "./executor.ts";
import type { Notification } from "./notification.ts";

/** Groups of alerts that wait for their answer; Alertmanager sends again what is not taken. */
const mostWaiting = 100;
/** Notifications of which it is remembered that they were answered. */
const mostAnswered = 1_000;

/** What a desk tells. */
export interface DeskListener {
  onSaid(said: Answer | Execution): void;
  onWarning(message: string): void;
}

/** What became of a notification: `full` is one that was not taken. */
export type Taken = "queued" | "repeated" | "full";

/** Same for notifications that say the same: which alerts, since when, firing or resolved. */
function contentOf({ groupKey, alerts }: Notification): string {
  const all = alerts.map(({ status, labels, startsAt }) =>
    JSON.stringify([status, startsAt, Object.entries(labels).sort()]),
  );
  return createHash("sha256")
    .update(JSON.stringify([groupKey, all.sort()]))
    .digest("base64");
}

/**
 * Where notifications are answered one after the other, the newest of each group. What redisops.yaml allows to be carried out
 * is, beside that: a long run keeps no other alert waiting for its answer.
 */
export class OncallDesk {
  readonly #config: Config;
  readonly #listener: DeskListener;
  readonly #executor: Executor;
  readonly #answered: LRUCache<string, true>;
  readonly #waiting = new Map<string, Notification>();
  readonly #closing = new AbortController();
  #working: Promise<void> | undefined;

  constructor(config: Config, listener: DeskListener) {
    this.#config = config;
    this.#listener = listener;
    this.#answered = new LRUCache({ max: mostAnswered, ttl: parseDuration(config.oncall.repeat_after) });
    this.#executor = new Executor(config, {
      onExecution: (execution) => listener.onSaid(execution),
      onWarning: (message) => listener.onWarning(message),
    });
  }

  /** Takes a notification, whose answer is told to the listener. */
  take(notification: Notification): Taken {
    const content = contentOf(notification);
    if (this.#answered.has(content)) return "repeated";
    const { groupKey } = notification;
    if (!this.#waiting.has(groupKey) && this.#waiting.size >= mostWaiting) return "full";
    this.#answered.set(content, true);
    this.#waiting.set(groupKey, notification);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    return "queued";
  }

  /** Answers no more, interrupts a run at its next safe point, and waits for that. */
  async close(): Promise<void> {
    this.#closing.abort(new RedisopsError("INTERRUPTED", "redisops oncall was ended"));
    this.#waiting.clear();
    await Promise.all([this.#working, this.#executor.close()]);
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.entries().next(); !next.done; next = this.#waiting.entries().next()) {
      const [groupKey, notification] = next.value;
      this.#waiting.delete(groupKey);
      try {
        const answer = await answerNotification(notification, this.#config, this.#closing.signal);
        this.#listener.onSaid(answer);
        this.#offer(answer);
      } catch (error) {
        this.#answered.delete(contentOf(notification));
        if (!this.#closing.signal.aborted)
          this.#listener.onWarning(`a notification has no answer: ${messageOf(error)}`);
      }
    }
  }

  #offer({ alerts }: Answer): void {
    for (const { alert, verdict } of alerts) {
      const mode = modes.find(({ id }) => id === alert);
      const recovery = mode === undefined ? undefined : recoveryOf(mode);
      if (mode === undefined || recovery === undefined) continue;
      // What has to be done first takes a person.
      if (mode.remedy.kind === "command" && mode.remedy.first !== undefined) continue;
      if (verdict === "holds" || verdict === "not known") this.#executor.offer(recovery, mode);
    }
  }
}
