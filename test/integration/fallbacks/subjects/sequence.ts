import { expect } from "vitest";
import { compareMessageIds, type MessageId } from "../../../../core/sequence/message-id.ts";
import { SequenceClient } from "../../../../fallbacks/sequence/sequence-client.ts";
import type { Subject } from "../subject.ts";

export const sequenceSubject: Subject = {
  role: "sequence",
  topologies: ["standalone", "sentinel", "cluster"],
  writes: true,
  keyOf: (n) => `seq:conversation-${n}`,
  async open({ connection, guard }) {
    const client = new SequenceClient(connection, guard);
    const latest = new Map<number, MessageId>();
    return {
      ready: (milliseconds) => client.ready(milliseconds),
      async decide(n) {
        const id = await client.next(`conversation-${n}`);
        const before = latest.get(n);
        if (before !== undefined) expect(compareMessageIds(before, id)).toBeLessThan(0);
        latest.set(n, id);
        return id.kind === "timestamp" ? "degraded" : "normal";
      },
      close: async () => client.close(),
    };
  },
};
