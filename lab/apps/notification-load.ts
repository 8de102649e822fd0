import { NumberSet } from "../platform/number-set.ts";
import { appsOf, optedOut, type PlatformSettings, urlOf } from "../platform/settings.ts";
import { maxBatch, type Notification, type NotificationOutcome, outcomeList } from "./notification.ts";

/** What the load generator knows of its notifications. */
export interface NotificationCounts {
  /** Distinct notifications. */
  readonly produced: number;
  /** Those that are kept until they are acknowledged: in the queue, with a worker, or waiting to be handed out again. */
  readonly outstanding: number;
  /** Those that were sent, each counted once. */
  readonly sent: number;
  /** Those that were not sent because the person has opted out. */
  readonly optedOut: number;
  /** Those that were given up: too many waited. */
  readonly givenUp: number;
  /** Copies of notifications that came a second time, as upstream systems do it. */
  readonly copies: number;
  /** Copies that the filter kept back. */
  readonly suppressed: number;
  /** Notifications that the filter kept back although they had not been sent: misses. */
  readonly missed: number;
  /** Times that a notification was sent which had been sent before. */
  readonly sentTwice: number;
  /** Notifications that were sent although the person has opted out. */
  readonly sentAgainstOptOut: number;
  /** Times that a worker had no room at any account, and the notification went back into the queue. */
  readonly shed: number;
  /** Times that a notification was handed out again for another reason. */
  readonly redelivered: number;
}

/** Milliseconds until a notification that was not acknowledged is handed out again. */
const retryMs = 500;
/** Milliseconds until a notification that no account had room for is handed out again. */
const shedRetryMs = 2_000;
const deadlineMs = 15_000;
/** Notifications in the queue; those that come beyond are given up. */
const maxQueued = 50_000;
/** Requests to workers at the same time. */
const maxRequests = 8;
/** Share of notifications that upstream produces a second time. */
const copyShare = 0.02;

const priorities = ["critical", "high", "normal", "normal", "normal", "bulk", "bulk", "bulk"] as const;

/**
 * A queue that delivers at least once: it keeps every notification until a worker has acknowledged it, and hands it out
 * again, marked as redelivered, when that does not happen.
 */
export class NotificationLoad {
  readonly #settings: PlatformSettings;
  readonly #urls: readonly string[];
  readonly #random: () => number;
  readonly #sent = new NumberSet();
  /** Those that are acknowledged, in whichever way. */
  readonly #settled = new NumberSet();
  readonly #counts = {
    produced: 0,
    optedOut: 0,
    givenUp: 0,
    copies: 0,
    suppressed: 0,
    missed: 0,
    sentTwice: 0,
    sentAgainstOptOut: 0,
    shed: 0,
    redelivered: 0,
  };
  #queue: Notification[] = [];
  /** What is with a worker, and what waits to be handed out again. */
  readonly #elsewhere = new Set<readonly Notification[]>();
  #requests = 0;
  #worker = 0;

  constructor(settings: PlatformSettings, random: () => number) {
    this.#settings = settings;
    this.#urls = appsOf(settings, "notification-worker").map((app) => `${urlOf(app)}/notifications`);
    this.#random = random;
  }

  get counts(): NotificationCounts {
    return { ...this.#counts, sent: this.#sent.size, outstanding: this.#outstanding };
  }

  /** Puts the next notification into the queue, now and then with a copy of an earlier one. */
  produce(): void {
    const number = this.#counts.produced;
    this.#counts.produced += 1;
    if (this.#queue.length >= maxQueued) {
      this.#counts.givenUp += 1;
      return;
    }
    this.#queue.push(this.#describe(number));
    const earlier = Math.floor(this.#random() * number);
    if (this.#random() < copyShare && this.#sent.has(earlier)) {
      this.#counts.copies += 1;
      this.#queue.push(this.#describe(earlier));
    }
  }

  /** Hands out what is in the queue; call it often. */
  dispatch(): void {
    while (this.#queue.length > 0 && this.#requests < maxRequests) {
      void this.#handOut(this.#queue.splice(0, maxBatch));
    }
  }

  /** Counted from what is really there, each notification once: one that got lost on the way is missing in it. */
  get #outstanding(): number {
    const numbers = new Set<number>();
    for (const batch of [this.#queue, ...this.#elsewhere]) {
      for (const { number } of batch) if (!this.#settled.has(number)) numbers.add(number);
    }
    return numbers.size;
  }

  /** What a notification is about depends on its number alone, so that a copy is the same. */
  #describe(number: number): Notification {
    const mixed = Math.imul(number ^ this.#settings.seed, 0x9e3779b1) >>> 0;
    return {
      number,
      person: mixed % this.#settings.people,
      channel: (mixed >>> 16) % 2 === 0 ? "sms" : "email",
      priority: priorities[(mixed >>> 20) % priorities.length] ?? "normal",
      redelivered: false,
    };
  }

  async #handOut(batch: readonly Notification[]): Promise<void> {
    this.#requests += 1;
    this.#elsewhere.add(batch);
    this.#worker = (this.#worker + 1) % this.#urls.length;
    const results = await this.#post(this.#urls[this.#worker] ?? "", batch);
    this.#requests -= 1;
    this.#elsewhere.delete(batch);
    const shed: Notification[] = [];
    const failed: Notification[] = [];
    for (const [index, each] of batch.entries()) {
      const outcome = results?.[index] ?? "failed";
      if (outcome === "shed") shed.push(each);
      else if (outcome === "failed") failed.push(each);
      this.#book(each, outcome);
    }
    this.#handOutAgain(failed, retryMs);
    this.#handOutAgain(shed, shedRetryMs);
  }

  /** They go to the front: what has waited longest comes first. */
  #handOutAgain(notifications: readonly Notification[], afterMs: number): void {
    if (notifications.length === 0) return;
    const again = notifications.map((each) => ({ ...each, redelivered: true }));
    this.#elsewhere.add(again);
    setTimeout(() => {
      this.#elsewhere.delete(again);
      this.#queue = [...again, ...this.#queue];
    }, afterMs);
  }

  async #post(url: string, batch: readonly Notification[]): Promise<NotificationOutcome[] | undefined> {
    try {
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify(batch),
        signal: AbortSignal.timeout(deadlineMs),
      });
      return outcomeList.parse(await response.json());
    } catch {
      return undefined;
    }
  }

  #book({ number, person, channel }: Notification, outcome: NotificationOutcome): void {
    const counts = this.#counts;
    const wasSent = this.#sent.has(number);
    switch (outcome) {
      case "sent":
        if (optedOut(this.#settings, person, channel)) counts.sentAgainstOptOut += 1;
        this.#settled.add(number);
        if (!this.#sent.add(number)) counts.sentTwice += 1;
        return;
      case "suppressed":
        counts.suppressed += 1;
        if (wasSent) return;
        counts.missed += 1;
        this.#settled.add(number);
        return;
      case "opted_out":
        if (wasSent) return; // while the preferences were not known
        counts.optedOut += 1;
        this.#settled.add(number);
        return;
      case "shed":
        counts.shed += 1;
        return;
      case "failed":
        counts.redelivered += 1;
        return;
    }
  }
}
