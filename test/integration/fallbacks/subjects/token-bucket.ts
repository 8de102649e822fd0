import { expect } from "vitest";
import { GuardedStore } from "../../../../fallbacks/guard/guarded-store.ts";
import { Account } from "../../../../fallbacks/providers/account.ts";
import { Signals } from "../../../../fallbacks/signals/signals.ts";
import type { Subject } from "../subject.ts";

/** The accounts themselves: a ProviderClient chooses among its accounts, so that no decision is about a given one. */
export const tokenBucketSubject: Subject = {
  role: "token_bucket",
  topologies: ["standalone", "sentinel", "cluster"],
  writes: true,
  keyOf: (n) => `bucket:provider:account-${n}`,
  async open({ connection, guard }) {
    const store = new GuardedStore("token_bucket", connection, guard);
    const signals = Signals.of(guard.metrics);
    const accounts = new Map<number, Account>();
    const accountOf = (n: number): Account => {
      const known = accounts.get(n);
      if (known !== undefined) return known;
      const shape = { name: `account-${n}`, limitPerSecond: 1_000_000 };
      const account = new Account(shape, "provider", "bucket:{provider}:{account}", store, signals);
      accounts.set(n, account);
      return account;
    };
    return {
      ready: (milliseconds) => store.ready(milliseconds),
      async decide(n) {
        const account = accountOf(n);
        const outcome = await account.acquire("normal");
        expect(outcome).not.toHaveProperty("reason");
        if ("account" in outcome) account.answered(outcome, { status: 200, headers: {} });
        return account.storeAway ? "degraded" : "normal";
      },
      close: async () => store.close(),
    };
  },
};
