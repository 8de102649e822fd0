import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../core/seeded-random.ts";
import {
  compareMessageIds,
  type MessageId,
  parseMessageId,
  randomSuffix,
  sequenceId,
  timestampId,
} from "../../../core/sequence/message-id.ts";
import { Conversation } from "../../../fallbacks/sequence/conversation.ts";

const start = 1_795_000_000_000;

/** Ids of both kinds, many of them in the same millisecond. */
function randomIds(random: () => number, count: number): MessageId[] {
  return Array.from({ length: count }, () => {
    const timestampMs = start + Math.floor(random() * 10);
    const number = Math.floor(random() * 20);
    return random() < 0.5 ? sequenceId(number, timestampMs) : timestampId(timestampMs, number);
  });
}

const sign = (a: MessageId, b: MessageId) => Math.sign(compareMessageIds(a, b));

describe("the order of message ids", () => {
  it("is total: antisymmetric, transitive, and equal only for the same id", () => {
    const ids = randomIds(seededRandom(1), 120);
    for (const a of ids) {
      for (const b of ids) {
        expect(sign(a, b)).toBe(-sign(b, a) + 0);
        expect(sign(a, b) === 0).toBe(a.text === b.text);
      }
    }
    const sorted = ids.toSorted(compareMessageIds);
    for (const [index, a] of sorted.entries()) {
      for (const b of sorted.slice(index)) expect(compareMessageIds(a, b)).toBeLessThanOrEqual(0);
    }
  });

  it("is the order of the stored texts", () => {
    const ids = randomIds(seededRandom(2), 500);
    const byText = ids.map(({ text }) => text).toSorted();
    expect(ids.toSorted(compareMessageIds).map(({ text }) => text)).toEqual(byText);
  });

  it("agrees with the sequence as long as Redis's clock does", () => {
    const random = seededRandom(3);
    let [sequence, time] = [0, start];
    const ids = Array.from({ length: 300 }, () => {
      sequence += 1 + Math.floor(random() * 3);
      time += Math.floor(random() * 2);
      return sequenceId(sequence, time);
    });
    const shuffled = ids.toSorted(() => random() - 0.5);
    expect(shuffled.toSorted(compareMessageIds)).toEqual(ids);
  });
});

describe("a message id's text", () => {
  it("is read back as the same id", () => {
    for (const id of [...randomIds(seededRandom(4), 200), timestampId(start, randomSuffix())]) {
      expect(parseMessageId(id.text)).toEqual(id);
    }
    const largest = sequenceId(Number.MAX_SAFE_INTEGER, start);
    expect(parseMessageId(largest.text)).toEqual(largest);
  });

  it("is readable, of fixed length, and sorts like the numbers in it", () => {
    expect(sequenceId(42, start).text).toBe("1795000000000-s0000000000000042");
    expect(timestampId(start, 35).text).toBe("1795000000000-t000000000z");
    expect(timestampId(start, 36).text).toBe("1795000000000-t0000000010");
  });

  it.each([
    "",
    "42",
    "1795000000000",
    "1795000000000-s42",
    "1795000000000-t000000000Z",
    "1795000000000-s9999999999999999",
    " 1795000000000-s0000000000000042",
    "1795000000000-s0000000000000042\n",
    "01795000000000-s0000000000000042",
  ])("is not %j", (text) => {
    expect(parseMessageId(text)).toBeUndefined();
  });
});

describe("a conversation", () => {
  it("gives ids that rise in the order of sending, through outages, whatever the clocks do", () => {
    const random = seededRandom(5);
    for (let run = 0; run < 200; run += 1) {
      const conversation = new Conversation();
      let [counter, redisTime, ownTime, outage] = [0, start, start, false];
      const sent: MessageId[] = [];
      for (let message = 0; message < 200; message += 1) {
        if (random() < 0.1) outage = !outage;
        // Both clocks stand still at times and even go back a little.
        redisTime += Math.floor(random() * 4) - 1;
        ownTime += Math.floor(random() * 4) - 1;
        counter += 1;
        const id = outage ? conversation.fromClock(ownTime) : conversation.fromCounter(counter, redisTime);
        if (id === undefined) throw new Error("a higher sequence was refused");
        sent.push(id);
      }
      expect(sent.toSorted(compareMessageIds)).toEqual(sent);
      expect(new Set(sent.map(({ text }) => text)).size).toBe(sent.length);
      const sequences = sent.flatMap((id) => (id.kind === "sequence" ? [id.sequence] : []));
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    }
  });

  it("takes no sequence at or below the highest that it has seen", () => {
    const conversation = new Conversation();
    expect(conversation.fromCounter(7, start)).toBeDefined();
    expect(conversation.fromCounter(7, start + 1)).toBeUndefined();
    expect(conversation.fromCounter(3, start + 1)).toBeUndefined();
    expect(conversation.fromCounter(8, start + 1)).toBeDefined();
    expect(conversation.sequence).toBe(8);
  });

  it("keeps the time of the clock when Redis's is behind, so that the order is that of sending", () => {
    const conversation = new Conversation();
    const during = conversation.fromClock(start + 5_000);
    const after = conversation.fromCounter(1, start);
    expect(after?.timestampMs).toBe(start + 5_001);
    expect(after && compareMessageIds(during, after)).toBeLessThan(0);
  });

  it("gives ids of the clock that hardly meet those of another process in the same millisecond", () => {
    const texts = Array.from({ length: 10_000 }, () => new Conversation().fromClock(start).text);
    expect(new Set(texts).size).toBe(texts.length);
  });
});
