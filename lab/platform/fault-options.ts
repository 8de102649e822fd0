import { RedisopsError } from "../../core/errors.ts";
import type { FaultName, FaultRequest } from "./faults.ts";

/** The options of `lab inject` by their place in a request. */
const optionNames = {
  role: "--role",
  shard: "--shard",
  provider: "--provider",
  account: "--account",
  forMs: "--for",
} as const;

type Option = keyof typeof optionNames;

const allowed: Readonly<Record<FaultName, readonly Option[]>> = {
  kill: ["role", "shard", "forMs"],
  hang: ["role", "shard", "forMs"],
  slow: ["role", "shard", "forMs"],
  restart: ["role", "shard"],
  "restart-empty": ["role", "shard"],
  failover: ["role", "shard"],
  "cut-shard": ["shard", "forMs"],
  "kill-all": ["role", "forMs"],
  "cut-replica": ["role", "shard", "forMs"],
  "stop-sentinels": ["forMs"],
  "wrong-config": ["role", "forMs"],
  "fill-postgres-pool": ["forMs"],
  "provider-429": ["provider", "account", "forMs"],
  "forget-connections": ["forMs"],
  "stick-counters": ["forMs"],
  "lower-sequence": ["forMs"],
  "stale-preferences": ["forMs"],
  "saturate-filter": ["forMs"],
  "fail-recovery": ["forMs"],
  "drain-buckets": ["forMs"],
  "break-sample": ["forMs"],
  "kafka-down": ["forMs"],
  heal: ["role"],
};

/** Throws USAGE for an option that means nothing to the fault. */
export function checkOptions(request: FaultRequest): void {
  const options = allowed[request.fault];
  for (const option of Object.keys(optionNames) as Option[]) {
    if (request[option] === undefined || options.includes(option)) continue;
    const names = options.map((each) => optionNames[each]).join(", ");
    throw new RedisopsError(
      "USAGE",
      `${optionNames[option]} means nothing to ${request.fault}: its options are ${names}`,
      { next: "redisops lab inject --help" },
    );
  }
}
