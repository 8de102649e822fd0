import { expect } from "vitest";
import { RateLimiter } from "../../../../fallbacks/rate-limit/rate-limiter.ts";
import type { Subject } from "../subject.ts";

export const rateLimitSubject: Subject = {
  role: "rate_limit",
  topologies: ["standalone", "sentinel", "cluster"],
  writes: true,
  keyOf: (n) => `rate:user-${n}`,
  async open({ connection, guard }) {
    const limiter = new RateLimiter(connection, { ...guard, limit: 1_000_000 });
    return {
      ready: (milliseconds) => limiter.ready(milliseconds),
      async decide(n) {
        const { allowed, degraded } = await limiter.check(`user-${n}`);
        expect(allowed).toBe(true);
        return degraded ? "degraded" : "normal";
      },
      close: async () => limiter.close(),
    };
  },
};
