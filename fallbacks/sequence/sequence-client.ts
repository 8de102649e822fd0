import { LRUCache } from "lru-cache";
import { register } from "prom-client";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";

import { RedisScript } from "../../core/redis/script.ts";
import { defaultSequenceKey, sequenceKeys } from "../../core/sequence/counter.ts";
import type { MessageId } from "../../core/sequence/message-id.ts";
import { GuardedStore, type GuardOptions } from "../guard/guarded-store.ts";
import type { RedisClient } from "../guard/redis-client.ts";
import { StoreFailure } from "../guard/store-failure.ts";
import { Decisions } from "../signals/decisions.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";
import { Conversation } from "./conversation.ts";

/** How much a process remembers, besides how the store is guarded. */
export interface SequenceOptions extends GuardOptions {
  /** Conversations whose highest id this process remembers, the latest used ones. Default 100,000. */
  readonly maxConversations?: number | undefined;
}

/** Answers of the counter that may turn out to be taken before the clock gives the id; see {@link SequenceClient}. */
const maxAttempts = 3;

/*
 * The counter is a plain integer, for everything that reads it with GET. One that is not above the floor has lost data:
 * it goes on from the floor. Answers the sequence, Redis's time in milliseconds and whether data was lost.
 */
const nextScript = new RedisScript(`
local sequence = redis.call('INCR', KEYS[1])
local floor = tonumber(ARGV[1])
local regressed = 0
if sequence <= floor then
  sequence = floor + 1
  redis.call('SET', KEYS[1], string.format('%.0f', sequence), 'KEEPTTL')
  regressed = 1
end
local time = redis.call('TIME')
return {sequence, time[1] * 1000 + math.floor(time[2] / 1000), regressed}`);

/**
 * Gives the messages of a conversation increasing ids. Without an answer from Redis in time the id is the time and a
 * random suffix; {@link compareMessageIds} orders both kinds together.
 *
 * The ids that one process hands out in one conversation rise, through an outage and also when the counter went back:
 * the highest that the process has seen is the counter's floor. That goes for as many conversations as it remembers.
 * Between processes the order through an outage is as good as their clocks agree, and a counter that went back may
 * repeat what only others have seen: `redisops recover sequence` is against that.
 *
 * An answer that comes after its deadline was waited for in vain: its id is left out, so that sequences have gaps.
 */
export class SequenceClient {
  readonly #store: GuardedStore;
  readonly #keyOf: (conversationId: string) => string;
  readonly #conversations: LRUCache<string, Conversation>;
  readonly #decisions: Decisions<"timestamp_id">;
  readonly #regressions: CounterSeries;

  /**
   * Takes a `sequence` section of redisops.yaml as it is. `key` contains `{conversation_id}`; default
   * `seq:{conversation_id}`.
   */
  constructor(
    connection: RedisConnectionConfig & { readonly key?: string | undefined },
    options: SequenceOptions = {},
  ) {
    const metrics = options.metrics ?? register;
    this.#keyOf = sequenceKeys(connection.key ?? defaultSequenceKey);
    this.#conversations = new LRUCache({ max: options.maxConversations ?? 100_000 });
    this.#decisions = new Decisions("sequence", ["timestamp_id"], metrics);
    this.#regressions = Signals.of(metrics).counter("redisops_sequence_regressions_total", {
      role: "sequence",
    });
    this.#store = new GuardedStore("sequence", connection, options);
  }

  /** The id of the conversation's next message. Never rejects. */
  next(conversationId: string): Promise<MessageId> {
    const conversation = this.#conversation(conversationId);
    const key = this.#keyOf(conversationId);
    const outcome = this.#store.call(key, "next", (client) => this.#fromCounter(client, key, conversation));
    if (outcome instanceof StoreFailure) return Promise.resolve(this.#fromClock(conversation));
    return outcome.then((id) => {
      if (id === undefined || id instanceof StoreFailure) return this.#fromClock(conversation);
      this.#decisions.made();
      return id;
    });
  }

  /** Waits for the first connection, for at most so many milliseconds. Answers false when Redis is away. */
  ready(milliseconds: number): Promise<boolean> {
    return this.#store.ready(milliseconds);
  }

  /** Gives the connection up; ids go on, from the clock. */
  close(): void {
    this.#store.close();
  }

  #conversation(id: string): Conversation {
    const known = this.#conversations.get(id);
    if (known !== undefined) return known;
    const conversation = new Conversation();
    this.#conversations.set(id, conversation);
    return conversation;
  }

  #fromClock(conversation: Conversation): MessageId {
    this.#decisions.degraded("timestamp_id");
    return conversation.fromClock(Date.now());
  }

  /**
   * Undefined when every answer was at or below what had been seen by the time it came, although it was above when it
   * was asked for: a failover that lost data overtook it.
   */
  async #fromCounter(
    client: RedisClient,
    key: string,
    conversation: Conversation,
  ): Promise<MessageId | undefined> {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const reply = await nextScript.run(client, [key], [conversation.sequence]);
      const [sequence, timeMs, regressed] = reply as [number, number, 0 | 1];
      this.#regressions.pending += regressed;
      const id = conversation.fromCounter(sequence, timeMs);
      if (id !== undefined) return id;
    }
    return undefined;
  }
}
