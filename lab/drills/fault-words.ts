import { parseArgs } from "node:util";
import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import { checkOptions } from "../platform/fault-options.ts";
import { type FaultName, type FaultRequest, faults } from "../platform/faults.ts";

/**
 * Reads a fault as it is written behind `redisops lab inject`.
 *
 * @throws RedisopsError USAGE for a fault or an option that there is not.
 */
export function faultOf(words: string): FaultRequest {
  const { positionals, values } = parse(words);
  const [fault = "", ...rest] = positionals;
  if (!Object.hasOwn(faults, fault) || rest.length > 0) {
    throw new RedisopsError("USAGE", `“${words}” names no fault of the lab`, {
      next: "redisops lab inject --help",
    });
  }
  const { role, shard, provider, account } = values;
  const request: FaultRequest = {
    fault: fault as FaultName,
    ...(role !== undefined && { role }),
    ...(shard !== undefined && { shard: Number(shard) }),
    ...(provider !== undefined && { provider }),
    ...(account !== undefined && { account }),
    ...(values.for !== undefined && { forMs: parseDuration(values.for) }),
  };
  checkOptions(request);
  return request;
}

function parse(words: string) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: words.trim().split(/\s+/),
      options: { role: text, shard: text, provider: text, account: text, for: text },
      allowPositionals: true,
    });
  } catch (error) {
    throw new RedisopsError("USAGE", `“${words}” is no fault of the lab`, { cause: error });
  }
}
