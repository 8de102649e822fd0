import { keyMatcher, keysOf } from "../redis/key-pattern.ts";
import { RedisScript } from "../redis/script.ts";

/** The default of `roles.rate_limit.key`. */
export const defaultRateLimitKey = "rate:{user_id}";

/** Makes the keys of users' counters from the role's key pattern. */
export const rateLimitKeys = (pattern: string): ((userId: string) => string) => keysOf(pattern, "{user_id}");

/** Whether a key is a counter of the role's key pattern. */
export const rateLimitKeyMatcher = (pattern: string): ((key: string) => boolean) =>
  keyMatcher(pattern, "{user_id}");

/**
 * Counts one message. Arguments: the limit, the window in milliseconds. Answers the count.
 *
 * A plain counter, as INCR and EXPIRE of any language leave it. Both happen in one script, so that no crash comes between
 * them; and a counter that somebody else left without a time to live, which would lock its user out for good, gets one
 * when it would begin to.
 */
export const countScript = new RedisScript(`
local count = redis.call('INCR', KEYS[1])
if count == 1 or (count > tonumber(ARGV[1]) and redis.call('PTTL', KEYS[1]) == -1) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return count`);
