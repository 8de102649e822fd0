import { setTimeout as delay } from "node:timers/promises";
import { NumberSet } from "../platform/number-set.ts";
import { appsOf, type PlatformSettings, urlOf } from "../platform/settings.ts";
import { messageIdOf } from "./message-number.ts";

/** Milliseconds until a message that was not accepted is sent again. */
const retryMs = 200;
const deadlineMs = 10_000;
/** Share of the messages that come from one person, who is over the rate limit by that. */
const spammerShare = 0.15;
/** People write to one another in circles of so many, so that a conversation has more than one message. */
const circle = 10;

/** What the load generator knows of its messages. */
export interface MessageCounts {
  /** Messages begun. */
  readonly sent: number;
  /** Those that an app server promised to deliver. */
  readonly accepted: number;
  /** Those that the rate limit refused. */
  readonly refused: number;
  /** Those without an answer yet; they are sent again until there is one. */
  readonly waiting: number;
  /** Attempts that had to be repeated. */
  readonly repeated: number;
  /** Messages that were due and not begun, because every recipient still had one under way. */
  readonly heldBack: number;
}

/**
 * Sends messages between the simulated clients. A recipient's next message is sent only when an app server has answered
 * for the one before, so their numbers say in which order they have to arrive.
 */
export class MessageLoad {
  readonly #urls: readonly string[];
  readonly #users: number;
  readonly #random: () => number;
  readonly #busy = new Set<number>();
  readonly #accepted = new NumberSet();
  #next = 0;
  #refused = 0;
  #repeated = 0;
  #heldBack = 0;

  constructor(settings: PlatformSettings, random: () => number) {
    this.#urls = appsOf(settings, "app-server").map((app) => `${urlOf(app)}/messages`);
    this.#users = settings.clientsPerServer * appsOf(settings, "connection-server").length;
    this.#random = random;
  }

  get counts(): MessageCounts {
    return {
      sent: this.#next,
      accepted: this.#accepted.size,
      refused: this.#refused,
      waiting: this.#busy.size,
      repeated: this.#repeated,
      heldBack: this.#heldBack,
    };
  }

  /** The numbers of the accepted messages. */
  get accepted(): NumberSet {
    return this.#accepted;
  }

  /** Begins the next message, to a recipient who has none under way. */
  send(): void {
    const recipient = this.#pick();
    if (this.#busy.has(recipient)) {
      this.#heldBack += 1;
      return;
    }
    this.#busy.add(recipient);
    void this.#deliver(this.#next++, recipient).finally(() => this.#busy.delete(recipient));
  }

  #pick(): number {
    return Math.floor(this.#random() * this.#users);
  }

  async #deliver(number: number, recipient: number): Promise<void> {
    const contact = recipient - (recipient % circle) + Math.floor(this.#random() * circle);
    const sender = this.#random() < spammerShare ? 0 : contact;
    const [low, high] = sender < recipient ? [sender, recipient] : [recipient, sender];
    const body = JSON.stringify({
      messageId: messageIdOf(number),
      senderId: `u-${sender}`,
      conversationId: `c-${low}-${high}`,
      recipientId: `u-${recipient}`,
      body: `message ${number}`,
    });
    for (let attempt = 0; ; attempt += 1) {
      const status = await this.#post(body, attempt);
      if (status === 202) this.#accepted.add(number);
      if (status === 429) this.#refused += 1;
      if (status === 202 || status === 429) return;
      this.#repeated += 1;
      await delay(retryMs);
    }
  }

  /** The status of the answer; 0 for none. Each attempt goes to another app server. */
  async #post(body: string, attempt: number): Promise<number> {
    const url = this.#urls[(attempt + Math.floor(this.#random() * this.#urls.length)) % this.#urls.length];
    if (url === undefined) return 0;
    try {
      const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(deadlineMs) });
      await response.body?.cancel();
      return response.status;
    } catch {
      return 0;
    }
  }
}
