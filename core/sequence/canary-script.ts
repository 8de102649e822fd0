import { RedisScript } from "../redis/script.ts";

/** Counts on and puts the counter's end off. Argument: its time to live in milliseconds. Answers the count. */
export const canaryScript = new RedisScript(`
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count`);
